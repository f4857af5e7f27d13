#!/bin/sh
# What all programs below the directory $1, built with --coverage and run, have run of wpool.h
# together. Complains of lines that none has run and that are not listed in the file `uncovered`,
# and of less than 95 % of the lines. Leaves a table of all lines in $1/lines, the summary in
# $1/report.

here=$(dirname "$0")
for data in $(find "$1" -name '*.gcda' | sort); do
    "${GCOV:-gcov}" --branch-probabilities --branch-counts --stdout "$data" 2>/dev/null
done | awk -v least=95 -v table="$1/lines" -v list="$here/uncovered" \
    -f "$here/coverage.awk" >"$1/report"
status=$?
cat "$1/report"
exit $status
