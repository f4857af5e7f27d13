#!/bin/sh
# Run every example in a directory and check its exit status: examples_test.sh [runner...] directory
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"
directory=$binary
[ -z "$limit" ] || limit="timeout 300"

for example in "$directory"/*; do
    if [ ! -f "$example" ] || [ ! -x "$example" ]; then continue; fi
    name=$(basename "$example" .exe)
    arguments=
    [ "$name" = wc ] && arguments="-q $(dirname "$0")" # see wc_test.sh for more
    # shellcheck disable=SC2086 # to be split
    if $limit $runner "$example" $arguments </dev/null >"$tmp/output" 2>&1; then
        pass "$name"
    else
        fail "$name" "status $?"
        cat "$tmp/output"
    fi
done

[ $((passed + failed)) -gt 0 ] || fail "examples" "none in $directory"
finish
