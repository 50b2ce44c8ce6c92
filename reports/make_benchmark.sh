#!/bin/sh
# Train the baselines on the published IDD-lite and keep what they told, without its images:
# reports/make_benchmark.sh IDD_LITE [WORK]. Three hours; with a part of it done it goes on.
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

"$iddkit" benchmark drn idd20k_lite --budget-minutes 25 --out idd_lite_drn --no-pictures --resume
keep idd_lite_drn
"$iddkit" benchmark essnet-d essnet-dg2 essnet-dg4 idd20k_lite --budget-minutes 15 --out idd_lite_essnet --no-pictures --resume
keep idd_lite_essnet

# Gradual grouping beside grouped convolutions from the start: the same passes, three seeds each.
sed 's/^gradual_part = .*/gradual_part = 0/' "$out/../pipelines/essnet.toml" > plain.toml
cp "$out/../pipelines/essnet.toml" gradual.toml
for seed in 1 2 3; do
    for way in gradual plain; do
        "$iddkit" benchmark essnet-dg4 idd20k_lite --recipe $way.toml --seed $seed --epochs 10 --out grouping/${way}_$seed --no-pictures --no-speed --resume
        rm -rf runs/${way}_$seed && mkdir -p runs && cp -r grouping/${way}_$seed/essnet-dg4 runs/${way}_$seed
    done
done
"$iddkit" benchmark --compare runs/gradual_1 runs/plain_1 runs/gradual_2 runs/plain_2 runs/gradual_3 runs/plain_3 -o idd_lite_grouping --no-pictures --no-speed --overwrite
keep idd_lite_grouping
