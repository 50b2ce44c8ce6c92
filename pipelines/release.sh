#!/bin/sh
# All of a release, from the annotators' polygons to the two small datasets, each with its report and its check:
#
#     release.sh SOURCE OUT
#
# A step that could not do all of its work lists what is wrong and ends the script. Mend it and start the script again
# in the same way: only what is missing is done.
set -eu

if [ "$#" -ne 2 ]; then
    echo "usage: $0 SOURCE OUT" >&2
    exit 2
fi
source=$1
out=$2
if ! command -v iddkit > /dev/null; then
    echo "$0: no iddkit on the PATH; after 'make demo': PATH=\"\$PWD/.venv/bin:\$PATH\"" >&2
    exit 2
fi

iddkit rasterize "$source" --out "$out/labels" --level all --instances
iddkit stats "$source" # what is wrong with a frame, before anything is chosen
iddkit make-mini "$source" "$out/idd_mini"
iddkit make-lite "$source" "$out/idd_lite" --beside "$out/idd_mini"
iddkit verify "$out/idd_mini" --source "$source"
iddkit verify "$out/idd_lite" --source "$source"
iddkit stats "$source" "$out/idd_mini" "$out/idd_lite" --csv "$out/statistics" --overwrite
