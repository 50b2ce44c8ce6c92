#!/bin/sh
# Make the reports of this folder anew: reports/make.sh [WORK]. About three minutes on two cores.
set -eu
cd "$(dirname "$0")/.."
work=${1:-demo/reports}
iddkit=${IDDKIT:-.venv/bin/iddkit}

"$iddkit" demo "$work/city" --drives 60 --frames 17 --size 320x180
"$iddkit" make-lite "$work/city" "$work/lite" --factor 10 --longest-side 160
"$iddkit" verify "$work/lite" --source "$work/city"

out=reports/demo_lite
rm -rf "$out" && mkdir -p "$out/figures"
cp -r "$work/lite/report.md" "$work/lite/tables" "$out"
cp "$work"/lite/figures/*.png "$work/lite/figures/samples.jpg" "$out/figures"
