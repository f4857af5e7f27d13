#!/bin/sh
# Each job ends in its own way: 17_context_test.sh [runner...] path/to/17_context
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

for run in 1 2 3 4 5; do
    example >"$tmp/output"
    check "run $run: status" 0 $?
    check "run $run" 'cancelled: the first error was "cancelled"
film succeeded success
index cancelled cancelled
socket cancelled cancelled
backoff cancelled cancelled
letter discarded cancelled
out of time:
backoff cancelled cancelled
letter discarded timed out' "$(awk '{ $1 = $1; print }' "$tmp/output")"
done
finish
