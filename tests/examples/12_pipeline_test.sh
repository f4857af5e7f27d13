#!/bin/sh
# Compares with base64 and wc, and counts the blocks that are in flight.
# 12_pipeline_test.sh [runner...] path/to/12_pipeline
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

block=14592 # bytes
bound=10    # blocks

# through NAME OPTION...: $tmp/NAME, compared with base64; what was said is in $tmp/messages
through() {
    name=$1
    shift
    example "$@" "$tmp/$name" >"$tmp/output" 2>"$tmp/messages"
    status=$?
    base64 -w 76 "$tmp/$name" >"$tmp/expected"
    same "$name $*" "$tmp/expected" "$tmp/output"
    size=$(wc -c <"$tmp/$name") lines=$(wc -l <"$tmp/$name")
    check "$name $*: counts" "0: $((lines)) lines in $(((size + block - 1) / block)) blocks" \
        "$status: $(sed 's/,.*//' "$tmp/messages")"
    peak=$(sed -n 's/.*at most \([0-9]*\) of.*/\1/p' "$tmp/messages")
    at_most "$name $*: bound" $bound "${peak:-999}"
}

: >"$tmp/empty"
printf 'a' >"$tmp/tiny"
random $block >"$tmp/one_block"
random $((block + 1)) >"$tmp/one_more"
random $((block * 50 + 1234)) >"$tmp/large"

if [ "$(printf a | base64 -w 76 2>/dev/null)" = "YQ==" ]; then
    for name in empty tiny one_block one_more large; do
        for options in "-j 1" "-j 4" "-s -j 2"; do
            # shellcheck disable=SC2086 # to be split
            through $name $options
        done
    done
else
    skip "comparison" "no base64 -w here"
fi

# The sink that waits until all before it is full: the bound is reached then, and never exceeded.
for workers in 1 2 4; do
    check "a slow sink, $workers workers" "at most $bound of $bound at a time" \
        "$(example -s -j $workers "$tmp/large" 2>&1 >"$tmp/output" | sed 's/.*, //')"
done

# From and to pipes, whose other ends have a pace of their own.
example - <"$tmp/large" 2>"$tmp/messages" | cat >"$tmp/piped"
example "$tmp/large" >"$tmp/output" 2>/dev/null
same "from a file to a pipe" "$tmp/output" "$tmp/piped"
# shellcheck disable=SC2002 # a pipe is what this is about
cat "$tmp/large" | example - 2>/dev/null >"$tmp/piped"
same "from a pipe to a file" "$tmp/output" "$tmp/piped"
check "demonstration" "0 lines in 64 blocks" "$(example 2>&1 | sed 's/,.*//')"

refuses 1 "$tmp/missing"
refuses 1 "$tmp"
refuses 2 -j 0
refuses 2 a b
full_disk "full disk" "$tmp/large"
full_disk "full disk -s" -s "$tmp/large"
finish
