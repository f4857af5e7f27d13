#!/bin/sh
# Run every example in a directory and check its exit status: examples_test.sh [runner...] directory
# A runner is what starts each of them, with its options: qemu, valgrind, setarch.

runner=
while [ $# -gt 1 ]; do
    runner="$runner $1"
    shift
done
if [ ! -d "$1" ]; then
    echo "usage: $0 [runner...] directory" >&2
    exit 2
fi
output=$(mktemp) || exit 2
trap 'rm -f "$output"' EXIT
limit=
timeout 60 true 2>/dev/null && limit="timeout 300"
passed=0 failed=0

for example in "$1"/*; do
    if [ ! -f "$example" ] || [ ! -x "$example" ]; then continue; fi
    name=$(basename "$example" .exe)
    arguments=
    [ "$name" = wc ] && arguments="-q $(dirname "$0")" # see wc_test.sh for more
    # shellcheck disable=SC2086 # to be split
    if $limit $runner "$example" $arguments >"$output" 2>&1; then
        passed=$((passed + 1))
        echo "PASS $name"
    else
        echo "FAIL $name: status $?"
        failed=$((failed + 1))
        cat "$output"
    fi
done

[ $((passed + failed)) -gt 0 ] || { echo "FAIL no example in $1"; failed=1; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
