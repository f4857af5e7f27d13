#!/bin/sh
# Compare examples/wc with the system's wc: wc_test.sh [runner...] path/to/wc
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

chmod 755 "$tmp"
running=
trap 'chmod -R u+rwx "$tmp" 2>/dev/null; rm -rf "$tmp"' EXIT
trap '[ -z "$running" ] || kill -9 "$running" 2>/dev/null; exit 130' INT TERM

# ours ARGUMENT...: the output, then the exit status; messages go to $tmp/messages
ours() {
    # shellcheck disable=SC2086 # runner and rule may be several words, or none
    $runner "$binary" -q $rule "$@" 2>"$tmp/messages"
    echo "status $?"
}

# What the system's wc and find say of a tree, in the form of ours. /dev/null makes every run of wc
# end with a line of totals.
theirs() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    totals=$(find "$1" -type f -print0 |
        LC_ALL=C xargs -0 sh -c 'LC_ALL=C wc /dev/null "$@" | tail -n 1' sh |
        awk '{ lines += $1; words += $2; bytes += $3 }
             END { printf "%.0f %.0f %.0f", lines, words, bytes }')
    echo "$totals $(find "$1" -type f -print0 | tr -dc '\000' | wc -c | tr -d ' ')"
    echo "status 0"
}

# ---- which rule for words does the system's wc have? Ask it about every byte, each on its own ----

mkdir "$tmp/bytes"
# shellcheck disable=SC2059 # the format is the data
printf "$(awk 'BEGIN { for (i = 0; i < 256; i++) printf "\\%03o ", i }')" >"$tmp/bytes/all"
words=$(LC_ALL=C wc -w <"$tmp/bytes/all" | tr -d ' ')
case $words in
250) rule= ;;   # all but the six of isspace
94) rule=-p ;;  # those that can be printed
*) rule= ; skip "the system's wc" "finds $words words among 256 bytes: neither rule that we know" ;;
esac
echo "the system's wc finds $words words among 256 bytes: wc is run ${rule:+with }${rule:-plainly}"

system_rule=$rule
rule=
check "every byte: POSIX words" "1 250 512 1
status 0" "$(ours "$tmp/bytes")"
rule=-p
check "every byte: -p" "1 94 512 1
status 0" "$(ours "$tmp/bytes")"
rule=$system_rule

# ---- a tree of all that is odd ----

tree=$tmp/tree
mkdir "$tree" "$tree/with space" "$tree/-dash" "$tree/.hidden"
newline='new
line'
mkdir "$tree/$newline"
: >"$tree/empty"
printf 'no newline at the end' >"$tree/with space/a b  c"
printf 'one\ntwo three\n' >"$tree/$newline/$newline"
printf '\n' >"$tree/-dash/-q"
printf '   \t\v\f\r\n  ' >"$tree/.hidden/.only spaces"
printf 'a\000b \000 c\000\n\000' >"$tree/nul"
printf 'caf\303\251 \351t\351 \377 \240 \205x \001 a\001b\177\n' >"$tree/high"
cp "$tmp/bytes/all" "$tree/bytes"

deep=$tree
for ten in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    deep=$deep/$ten/d/d/d/d/d/d/d/d/d
    mkdir -p "$deep"
    echo "level $ten" >"$deep/file"
done

# 20 MiB and a bit: a word of an odd length, over and over, so that the borders of the 4 MiB ranges
# fall into words and onto separators; and the same bytes as one single word.
awk 'BEGIN { for (i = 0; i < 1600000; i++) printf "word%d%s", i, i % 7 ? " " : "\n" }' >"$tree/big"
tr -d ' \n' <"$tree/big" >"$tree/big word"
# Borders on purpose: range by range, words that go on, that end and that begin at the border.
range=4194304
block() { dd if="$tree/big word" bs="$1" count=1 2>/dev/null; }
{
    block $range                                         # word | word: one word
    block $range                                         # word | space
    printf ' ' && block $((range - 1))                   # word | newline
    printf '\n' && block $((range - 2)) && printf ' '    # space | word
    block $((range - 1)) && printf '\t'                  # space | space
    printf ' ' && block $((range - 1))                   # word | unprintable, all of it
    dd if=/dev/zero bs=$range count=1 2>/dev/null        # unprintable | word
    block 10
} >"$tree/borders"
block $range >"$tree/exactly one range"

expected=$(theirs "$tree")
check "odd tree" "$expected" "$(ours "$tree")"
check "odd tree, one worker" "$expected" "$(ours -j 1 "$tree")"
check "odd tree, nine workers" "$expected" "$(ours -j 9 "$tree/")"
check "odd tree, as ." "$expected" "$(cd "$tree" && ours .)"

# The other rule, by changing what it changes: unprintable bytes become letters, or go.
system_rule=$rule
if [ -n "$rule" ]; then rule="" filter="x"; else rule="-p" filter="-d"; fi
# shellcheck disable=SC2016 # expanded by the inner shell
words=$(find "$tree" -type f -exec sh -c 'filter=$1; shift
    for file; do
        case $filter in
        x) LC_ALL=C tr "\000-\010\016-\037\177-\377" x <"$file" ;;
        *) LC_ALL=C tr -d "\000-\010\016-\037\177-\377" <"$file" ;;
        esac | LC_ALL=C wc -w
    done' sh $filter {} + | awk '{ words += $1 } END { print words }')
check "odd tree, the other rule for words" "$words" "$(ours "$tree" | awk 'NR == 1 { print $2 }')"
rule=$system_rule

# ---- directories of the machine ----

if [ -d /usr/include ]; then
    check "/usr/include" "$(theirs /usr/include)" "$(ours /usr/include)"
    check "no argument" "$(ours /usr/include)" "$(ours)"
else
    skip "/usr/include" "not here"
fi
unsized=/proc/sys/kernel/random
if [ -d $unsized ]; then
    check "files that say they are empty" "$(theirs $unsized)" "$(ours $unsized)"
else
    skip "files that say they are empty" "no $unsized"
fi

mkdir "$tmp/nothing"
check "empty directory" "0 0 0 0
status 0" "$(ours "$tmp/nothing")"

# ---- what can go wrong ----

for arguments in "$tmp/missing" "$tmp/bytes/all" "-j 0 $tmp" "-j x $tmp" "-x" "$tmp $tmp"; do
    # shellcheck disable=SC2086 # to be split
    check "refused: $(echo "$arguments" | sed "s,$tmp,DIR,g")" "status 2" "$(ours $arguments)"
done
# shellcheck disable=SC2086
check "--help" 1 "$($runner "$binary" --help | grep -c '^usage:')"

special=$tmp/special
mkdir "$special" && echo "one two" >"$special/file"
ln -s nowhere "$special/dangling" && ln -s "$tree" "$special/link to a directory"
ln -s file "$special/link to a file"
mkfifo "$special/pipe"
check "links and pipes are left out" "1 2 8 1
status 0" "$(ours "$special")"
# shellcheck disable=SC2086
check "and counted" 1 "$($runner "$binary" "$special" | grep -c '^4 skipped')"

# A name of 100 bytes, 100 levels deep: longer than any path that a system call takes.
name=$(printf '%0100d' 0)
mkdir "$tmp/inside"
for ten in 1 2 3 4 5 6 7 8 9 10; do
    for one in 1 2 3 4 5 6 7 8 9 10; do
        echo "level $((10 * ten + one))" >"$tmp/inside/file"
        mkdir "$tmp/outside"
        mv "$tmp/inside" "$tmp/outside/$name"
        mv "$tmp/outside" "$tmp/inside"
    done
done
check "paths longer than PATH_MAX" "100 200 $((89 * 9 + 11 * 10)) 100
status 0" "$(ours "$tmp/inside")"

# More files, and more levels, than descriptors.
mkdir "$tmp/many"
awk -v directory="$tmp/many" 'BEGIN {
    for (i = 0; i < 600; i++) { file = directory "/" i; print i >file; close(file) }
}'
# shellcheck disable=SC3045 # where sh has no ulimit -n the case is skipped
limited=$(ulimit -n 24 2>/dev/null && ours "$tmp/many" && ours "$tmp/inside" | head -n 1)
case $limited in
"") skip "24 descriptors" "the limit cannot be set" ;;
*) check "24 descriptors" "600 600 2290 600
status 0
$(ours "$tmp/inside" | head -n 1)" "$limited" ;;
esac

# Without the right to read; root has it always.
secret=$tmp/secret
mkdir "$secret" "$secret/closed" "$secret/open"
echo "not seen" >"$secret/closed/file" && echo "seen" >"$secret/open/file"
echo "not seen" >"$secret/unreadable"
chmod 0 "$secret/unreadable" "$secret/closed"
cp "$binary" "$tmp/wc" && chmod 755 "$tmp/wc"
as_nobody=
if [ "$(id -u)" -ne 0 ]; then
    as_nobody="env"
elif setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
    as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
# shellcheck disable=SC2086
if [ -z "$as_nobody" ]; then
    skip "unreadable file and directory" "root reads everything, and there is no setpriv"
elif ! $as_nobody $runner "$tmp/wc" -q "$tmp/nothing" >/dev/null 2>&1; then
    skip "unreadable file and directory" "an unprivileged user cannot run $binary"
else
    check "unreadable file and directory" "1 1 5 1
status 1" "$($as_nobody $runner "$tmp/wc" -q "$secret" 2>"$tmp/messages"; echo "status $?")"
    check "one message each" "2" "$(grep -c 'ermission denied' "$tmp/messages" | tr -d ' ')"
fi

# catches_interrupt PROCESS: has it a handler for SIGINT? Not as long as it still is the shell that
# is about to become it, which may have one of its own.
catches_interrupt() {
    [ "$(readlink "/proc/$1/exe")" != "$(readlink "/proc/$$/exe")" ] &&
        awk '/^SigCgt/ { found = $2 ~ /[2367abef]$/ } END { exit !found }' "/proc/$1/status" 2>/dev/null
}

# Ctrl-C while a file of 1 TiB that occupies nothing is counted.
interrupt() {
    mkdir "$tmp/huge"
    if ! dd if=/dev/zero of="$tmp/huge/file" bs=1048576 seek=1048576 count=0 2>/dev/null; then
        skip "interrupt" "no file of 1 TiB here"
        return
    fi
    # shellcheck disable=SC2086
    $runner "$binary" "$tmp/huge" >"$tmp/output" 2>"$tmp/messages" &
    running=$!
    tries=0 # until its handler for SIGINT is there
    until catches_interrupt "$running"; do
        tries=$((tries + 1))
        if [ $tries -gt 500 ]; then
            kill -9 "$running"
            wait "$running" 2>/dev/null
            running=
            skip "interrupt" "cannot see when it is ready"
            return
        fi
    done
    kill -INT "$running"
    wait "$running"
    status=$?
    running=
    check "interrupt: status" 130 "$status"
    check "interrupt: partial totals" 1 "$(grep -c '(partial)' "$tmp/output" | tr -d ' ')"
}
interrupt

finish
