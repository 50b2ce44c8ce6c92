#!/bin/sh
# Train the baselines on the published IDD-lite and keep what they told, without its images:
# reports/make_benchmark.sh IDD_LITE [WORK]. An hour and a quarter; with a part of it done it goes on.
set -eu
dataset=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
work=${2:-demo/benchmarks}
iddkit=${IDDKIT:-$PWD/.venv/bin/iddkit}
out=$PWD/reports
mkdir -p "$work" && cd "$work"
[ -e idd20k_lite ] || ln -s "$dataset" idd20k_lite

# What is kept of a folder: all but checkpoints, TensorBoard's log and pictures of the dataset.
keep() {
    rm -rf "${out:?}/$1" && mkdir -p "$out/$1"
    (cd "$1" && find . -type f ! -name '*.pt' ! -name 'examples*' ! -path '*/tensorboard/*' ! -name '*.html' ! -name '*.svg' |
        while read -r file; do mkdir -p "$out/$1/$(dirname "$file")" && cp "$file" "$out/$1/$file"; done)
}

for minutes in 15 60; do
    "$iddkit" benchmark erfnet idd20k_lite --budget-minutes $minutes --out idd_lite_${minutes}min --no-pictures --resume
    keep idd_lite_${minutes}min
done
