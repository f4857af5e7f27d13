#!/bin/sh
# What the two readers had adds up to all jobs: 18_readers_test.sh [runner...] path/to/18_readers
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# the readers share the jobs in another way each time
for run in 1 2 3 4 5; do
    example >"$tmp/output"
    check "run $run: status" 0 $?
    check "run $run: polls" "paused nothing there yet
closed nothing there yet
ended closed, and nothing can ever finish again" "$(awk 'NR <= 3 { $1 = $1; print }' "$tmp/output")"
    # the job that would take for ever may have begun when the pool is stopped, or not
    check "run $run: all jobs" "1000 = 600 + 400" \
        "$(awk '$1 == "together" { print $2, $3, $4, "+", $7 + $10 }' "$tmp/output")"
    check "run $run: both readers" "600 400 600" "$(awk '
        $1 == "reader" { succeeded += $3; unfinished += $5 + $7; checked += $9 }
        END { print succeeded, unfinished, checked }' "$tmp/output")"
done
finish
