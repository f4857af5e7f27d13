#!/bin/sh
# Known counts, on any number of workers, forked nowhere, near the root and everywhere.
# 09_queens_test.sh [runner...] path/to/09_queens
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

queens() { example "$@" | sed 's/,.*//'; }

n=0
for solutions in 1 0 0 2 10 4 40 92 352 724 2680; do
    n=$((n + 1))
    check "$n queens" "$n queens: $solutions solutions" "$(queens $n)"
done
for cutoff in 0 1 3 10 18; do
    for workers in 1 2 5; do
        check "cutoff $cutoff, $workers workers" "9 queens: 352 solutions" \
            "$(queens -c $cutoff -j $workers 9)"
    done
done
check "no argument" "10 queens: 724 solutions" "$(queens)"

refuses 2 0
refuses 2 19
refuses 2 x
refuses 2 8x
refuses 2 8 8
refuses 2 -c -1
refuses 2 -j 0
refuses 2 -x
finish
