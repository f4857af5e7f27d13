#!/bin/sh
# run.sh FOLDER PROGRAM...: runs the benchmarks one after another and leaves in the folder bench.csv
# (all figures), bench.md (them as tables) and a plot of each, NAME.svg.
here=$(dirname "$0")
folder=$1
shift
csv=$folder/bench.csv
rm -f "$csv" "$folder/bench.md"

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)
machine="${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) CPUs, $(uname -s) $(uname -r),"
machine="$machine $(${CC:-cc} --version | head -n 1), $(date +%Y-%m-%d)"
echo "$machine"
for program in "$@"; do
    name=$(basename "$program")
    echo "== $program"
    CSV=$csv $RUNNER "$program" || exit 1
    awk -v bench="$name" -v note="$machine" -f "$here/plot.awk" "$csv" >"$folder/$name.svg" ||
        rm -f "$folder/$name.svg"
done
{
    echo "$machine"
    for name in $(sed -n 's/^\([^,"]*\),".*/\1/p' "$csv" | uniq); do
        echo
        awk -v bench="$name" -f "$here/markdown.awk" "$csv"
    done
} >"$folder/bench.md"
echo "in $folder: bench.csv, bench.md, *.svg"
