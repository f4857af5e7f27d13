#!/bin/sh
# Compares with factor, and holds a conversation: 14_poll_test.sh [runner...] path/to/14_poll
# (or to 15_uv, which does the same).
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# answers NAME STATUS EXPECTED INPUT: EXPECTED is sorted, INPUT a format of printf
answers() {
    # shellcheck disable=SC2059 # a format
    printf "$4" | example >"$tmp/output" 2>"$tmp/messages"
    check "$1" "$2: $3" "$?: $(sort "$tmp/output" | tr '\n' ';')"
}

# complains NAME COUNT: so many messages, from the last answers
complains() { check "$1: messages" "$2" "$(wc -l <"$tmp/messages" | tr -d ' ')"; }

answers "empty input" 0 "" ""
answers "one number" 0 "12: 2 2 3;" '12\n'
answers "no newline at the end" 0 "12: 2 2 3;35: 5 7;" '12\n35'
answers "the smallest" 0 "0:;1:;2: 2;" '0\n1\n2\n'
answers "the largest" 0 "18446744073709551615: 3 5 17 257 641 65537 6700417;" \
    '18446744073709551615\n'
complains "good lines" 0
answers "bad lines" 1 "6: 2 3;8: 2 2 2;" \
    '6\nsix\n\n-1\n18446744073709551616\n 7\n8\n0x10'
complains "bad lines" 6
check "the line that is bad" "line 2" "$(sed -n '1s/.*\(line [0-9]*\).*/\1/p' "$tmp/messages")"

# Lines around the longest that is read, between good ones; the longest is a number, with zeros.
for length in 4095 4096 4097 8192 100000; do
    { echo 15; printf "%0${length}d\n" 6; echo 21; } >"$tmp/long"
    example <"$tmp/long" 2>"$tmp/messages" | sort | tr '\n' ';' >"$tmp/output"
    expected="15: 3 5;21: 3 7;"
    [ "$length" -gt 4095 ] || expected="15: 3 5;21: 3 7;6: 2 3;"
    check "a line of $length" "$expected" "$(cat "$tmp/output")"
    at_most "a line of $length: messages" 1 "$(wc -l <"$tmp/messages")"
    { echo 15; printf "%0${length}d" 6; } | example 2>/dev/null | sort | tr '\n' ';' >"$tmp/output"
    check "a last line of $length" "$(echo "$expected" | sed 's/21: 3 7;//')" "$(cat "$tmp/output")"
done

# Many more than the queue holds, cheap and costly; a pipe breaks lines anywhere.
awk 'BEGIN { for (i = 0; i < 20000; i++) print i
             for (i = 1; i < 2000; i++) printf "%.0f\n", 1e9 + i * 999983 }' >"$tmp/numbers"
if command -v factor >/dev/null && [ "$(echo 12 | factor)" = "12: 2 2 3" ]; then
    factor <"$tmp/numbers" | sort >"$tmp/expected"
else
    skip "comparison" "no factor here"
    example <"$tmp/numbers" | sort >"$tmp/expected"
fi
example <"$tmp/numbers" >"$tmp/output"
check "a file: status" 0 $?
sort "$tmp/output" | cmp -s - "$tmp/expected"
check "a file: same as factor" 0 $?
# shellcheck disable=SC2002 # a pipe is what this is about
cat "$tmp/numbers" | example | sort >"$tmp/output"
same "a pipe: same as factor" "$tmp/expected" "$tmp/output"
{ while read -r number; do echo "$number"; done; } <"$tmp/numbers" | example | sort >"$tmp/output"
same "line by line: same as factor" "$tmp/expected" "$tmp/output"

# Each answer comes while the input is still open.
say() { (trap '' PIPE; printf '%b' "$1" >&3) 2>/dev/null; }
mkfifo "$tmp/to" "$tmp/from"
example <"$tmp/to" >"$tmp/from" &
exec 3>"$tmp/to" 4<"$tmp/from"
for number in 4 9 25 49 121; do
    say "$number\n"
    read -r line <&4
    root=$(echo "$line" | sed 's/.* //')
    check "an answer to $number" "$number: $root $root" "$line"
done
say 16
exec 3>&-
read -r line <&4
check "the last answer" "16: 2 2 2 2" "$line"
wait $!
check "the end of the conversation" 0 $?
exec 4<&-

# Nobody reads any more, though the input goes on: it ends by itself.
example <"$tmp/to" >"$tmp/from" 2>"$tmp/messages" &
exec 3>"$tmp/to" 4<"$tmp/from"
exec 4<&-
say "4\n"
wait $!
check "a closed pipe" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
exec 3>&-

if [ "$full" ]; then
    example <"$tmp/numbers" >$full 2>"$tmp/messages"
    check "full disk" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
    # what is under way, primes that take long, is told to end
    awk 'BEGIN { print 4; for (i = 0; i < 100; i++) print "18446744073709551557" }' >"$tmp/costly"
    example <"$tmp/costly" >$full 2>"$tmp/messages"
    check "full disk, costly" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
else
    skip "full disk" "no /dev/full"
fi
example <"$tmp" >"$tmp/output" 2>"$tmp/messages"
check "a directory" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
example <&- >"$tmp/output" 2>"$tmp/messages"
check "no input" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
refuses 2 12
finish
