#!/bin/sh
# Header, size, symmetry, and the same picture on any number of workers.
# 11_mandelbrot_test.sh [runner...] path/to/11_mandelbrot
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# picture FILE OPTION...
picture() {
    file=$1
    shift
    example "$@" "$file" 2>"$tmp/messages" || fail "picture $*" "status $?: $(cat "$tmp/messages")"
}

# The rows of a picture, in hexadecimal digits, a line for each.
rows() { tail -c "$2" "$1" | od -An -v -tx1 | tr -d ' \n' | fold -w "$3"; }

for size in 50 51; do
    width=$(((size * 6 + 4) / 5))
    bytes=$((3 * width * size))
    picture "$tmp/alone" -s $size -j 0
    check "$size: header" "P6
$width $size
255" "$(head -n 3 "$tmp/alone")"
    header=$(printf 'P6\n%d %d\n255\n' $width $size | wc -c)
    check "$size: bytes" $((header + bytes)) "$(wc -c <"$tmp/alone" | tr -d ' ')"
    for workers in 1 4; do
        picture "$tmp/parallel" -s $size -j $workers
        same "$size: $workers workers" "$tmp/alone" "$tmp/parallel"
    done
    rows "$tmp/alone" $bytes $((6 * width)) >"$tmp/rows"
    awk '{ row[NR] = $0 } END { for (i = NR; i > 0; i--) print row[i] }' "$tmp/rows" \
        >"$tmp/mirrored"
    echo >>"$tmp/rows" # fold ends without
    same "$size: upper and lower half" "$tmp/mirrored" "$tmp/rows"
    colours=$(fold -w 6 "$tmp/rows" | sort -u | wc -l)
    at_most "$size: ten colours" "$colours" 10
    check "$size: the middle is in the set" 000000 "$(awk -v row=$((size / 2 + 1)) \
        -v column=$((width / 2)) 'NR == row { print substr($0, 6 * column + 1, 6) }' "$tmp/rows")"
done
picture "$tmp/one" -s 1 -i 1 -j 4
check "one pixel high, two wide" "17" "$(wc -c <"$tmp/one" | tr -d ' ')"
example -s 51 - >"$tmp/output" 2>/dev/null
same "standard output" "$tmp/alone" "$tmp/output"

refuses 2 -s 0
refuses 2 -j -1
refuses 2 -i x
refuses 2 a b
refuses 1 -s 9 "$tmp/missing/picture"
if [ "$full" ]; then refuses 1 -s 9 $full; else skip "full disk" "no /dev/full"; fi
finish
