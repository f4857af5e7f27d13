#!/bin/sh
# Compares with sort(1): 10_merge_sort_test.sh [runner...] path/to/10_merge_sort
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# sorts NAME: $tmp/NAME, with grains that fork nothing, something, and everything
sorts() {
    LC_ALL=C sort "$tmp/$1" >"$tmp/expected"
    for options in "-j 1 -g 1000000" "-j 2 -g 2" "-j 3 -g 100" ""; do
        # shellcheck disable=SC2086 # to be split
        example $options "$tmp/$1" >"$tmp/sorted" || fail "$1 $options" "status $?"
        same "$1${options:+, }$options" "$tmp/expected" "$tmp/sorted"
    done
}

: >"$tmp/empty"
printf '\n' >"$tmp/newline"
printf 'no newline at the end' >"$tmp/one"
printf 'b\na' >"$tmp/two"
printf 'a\n\nab\n\200\na\001\n\377\377\nb\n\n aa\na\000b\na\000a\n' >"$tmp/odd"
awk 'BEGIN { srand(1); for (i = 0; i < 20000; i++) printf "%d\n", rand() * 1e9 }' >"$tmp/random"
awk 'BEGIN { srand(2); for (i = 0; i < 5000; i++) printf "%d\n", rand() * 9 }' >"$tmp/duplicates"
awk 'BEGIN { for (i = 0; i < 2000; i++) print substr("xxxxxxxxxxxxxxxxxxxx", i * 7919 % 21 + 1) }' \
    >"$tmp/prefixes"
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%06d\n", i }' >"$tmp/ascending"
awk 'BEGIN { for (i = 3000; i > 0; i--) printf "%06d\n", i }' >"$tmp/descending"
awk 'BEGIN { for (i = 0; i < 2000; i++) print "same" }' >"$tmp/same"
for name in empty newline one two odd random duplicates prefixes ascending descending same; do
    sorts $name
done

example - <"$tmp/random" >"$tmp/sorted"
LC_ALL=C sort "$tmp/random" >"$tmp/expected"
same "standard input" "$tmp/expected" "$tmp/sorted"
for count in 0 1 16 17 50000; do
    check "$count numbers" "$count numbers sorted" \
        "$(example -g 64 -n $count | sed 's/sorted.*/sorted/')"
done

refuses 1 "$tmp/missing"
refuses 1 "$tmp"
refuses 2 "$tmp/one" "$tmp/two"
refuses 2 -g 1
refuses 2 -j x
refuses 2 -n -1
full_disk "full disk" "$tmp/random"
finish
