#!/bin/sh
# Make the report of the simulated review anew: reports/make_qc.sh [WORK]. About half a minute.
set -eu
cd "$(dirname "$0")/.."
work=${1:-demo/reports}
iddkit=${IDDKIT:-.venv/bin/iddkit}
out=reports/qc_demo
db=$work/qc_demo/qc.db
last=2019-08-13

rm -rf "$out" && mkdir -p "$out/certificates"
"$iddkit" qc demo "$work/qc_demo" --overwrite > "$out/truth.txt"
# The first line names a folder.
sed -i.bak '1s/^.*: //' "$out/truth.txt" && rm "$out/truth.txt.bak"
"$iddkit" qc --db "$db" status --week "$last" --weeks 4 --csv "$out/tables" --plot "$out/weeks.png" > "$out/weeks.txt"
"$iddkit" qc --db "$db" status > "$out/status.txt"
"$iddkit" qc --db "$db" status --batch B02 --plot "$out/B02.png" > /dev/null
for batch in B01 B02 B03 B04; do
    "$iddkit" qc --db "$db" certificate "$batch" --markdown > "$out/certificates/$batch.md"
    "$iddkit" qc --db "$db" certificate "$batch" --json > "$work/$batch.json"
    "$iddkit" qc redraw "$work/$batch.json"
done
"$iddkit" qc --db "$db" verify > "$out/verify.txt"
# Tables of the screen are padded with blanks.
sed -i.bak 's/ *$//' "$out"/*.txt && rm "$out"/*.bak
