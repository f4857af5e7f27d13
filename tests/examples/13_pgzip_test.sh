#!/bin/sh
# gzip -d restores what it writes: 13_pgzip_test.sh [runner...] path/to/13_pgzip
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"
if ! command -v gzip >/dev/null; then
    skip "all" "no gzip here"
    finish
fi

block=131072
: >"$tmp/empty"
printf 'a' >"$tmp/tiny"
head -c $block /dev/zero >"$tmp/one_block"
head -c $((2 * block + 1)) /dev/zero >"$tmp/zeros"
random $((3 * block - 1)) >"$tmp/incompressible"
awk 'BEGIN { for (i = 0; i < 60000; i++) printf "line %d of %d: %x\n", i, i * i, i * 7919 }' \
    >"$tmp/text"
random 30000 >"$tmp/part" # over and over, so that each block repeats what the one before it had
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    cat "$tmp/part"
done >"$tmp/repeated"
{ cat "$tmp/incompressible" "$tmp/text" "$tmp/zeros"; random 5; } >"$tmp/mixed"

for name in empty tiny one_block zeros incompressible text repeated mixed; do
    example -j 1 "$tmp/$name" >"$tmp/one.gz"
    check "$name: status" 0 $?
    gzip -dc "$tmp/one.gz" >"$tmp/restored" 2>"$tmp/messages"
    check "$name: gzip -d" "0 " "$? $(cat "$tmp/messages")"
    same "$name: restored" "$tmp/$name" "$tmp/restored"
    example -j 4 "$tmp/$name" >"$tmp/four.gz"
    same "$name: 4 workers" "$tmp/one.gz" "$tmp/four.gz"
    # shellcheck disable=SC2002 # a pipe is what this is about
    cat "$tmp/$name" | example -j 2 - | cat >"$tmp/piped.gz"
    same "$name: through pipes" "$tmp/one.gz" "$tmp/piped.gz"
done
for level in 1 9; do
    example -$level "$tmp/mixed" | gzip -dc >"$tmp/restored"
    same "level $level" "$tmp/mixed" "$tmp/restored"
done

# Little is lost by cutting the file up, as compared with gzip; without dictionaries it would be.
for name in text repeated; do
    limit_size=$(($(gzip -c "$tmp/$name" | wc -c) * 102 / 100))
    at_most "$name: size" $limit_size "$(example "$tmp/$name" | wc -c)"
done

refuses 1 "$tmp/missing"
refuses 2 -j 0
refuses 2 -x
refuses 2 a b
example "$tmp" >"$tmp/output" 2>"$tmp/messages"
check "a directory" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
full_disk "full disk, empty" "$tmp/empty"
full_disk "full disk, mixed" "$tmp/mixed"

[ "$runner" ] || sh "$(dirname "$0")/13_pgzip_speed.sh" "$binary" "$tmp/mixed" # shown with V=1
finish
