#!/bin/sh
# Each exercise, and what it has to show: 21_exercises_test.sh [runner...] path/to/21_exercises
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# does NAME: one exercise, under its name
does() {
    example "$1" >"$tmp/output"
    check "$1: status" "0 $1" "$? $(head -n 1 "$tmp/output")"
    sed 1d "$tmp/output" >"$tmp/shown"
}

does tasks
check "tasks" "1000 tasks done by 10 workers, sum of the squares 333833500" \
    "$(sed 's/ at most [0-9]* at once,//' "$tmp/shown")"
at_most "tasks: not one after the other" "$(sed 's/.*at most \([0-9]*\).*/\1/' "$tmp/shown")" 2

does priorities
order=$(sed 's/.*: //' "$tmp/shown")
check "priorities: all of them" 60 "$(printf %s "$order" | wc -c | tr -d ' ')"
# Of 16 in a row two at most are not urgent, as long as there are urgent ones: so many of 20 early.
check "priorities: the urgent ones are through" 0 \
    "$(printf %s "$order" | cut -c 25- | tr -cd H | wc -c | tr -d ' ')"
check "priorities: and yet none waits for ever" yes "$(echo "$order" | awk '
    { first = substr($1, 1, 16); print first ~ /n/ && first ~ /l/ ? "yes" : first }')"
check "priorities: those that matter least are last" l "$(printf %s "$order" | tail -c 1)"

does scaling
check "scaling: too many tasks for 2 workers" "2 workers become 4: many tasks wait" \
    "$(sed -n '1s/^ *//p' "$tmp/shown")"
check "scaling: one by one or at once, 2 again" "4 2" "$(sed 1d "$tmp/shown" | awk '
    BEGIN { now = 4 }
    $1 != now || $4 + 0 >= now || $5 != "some" { print "not so: " $0 }
    { now = $4 + 0 }
    END { print 4, now }')"

does retry
check "retry" "40 tasks: 30 succeeded, 10 failed, 50 tries more" "$(cat "$tmp/shown")"

# Ten workers or more, each task waits for 5 ms: ten times as much, but on a busy machine.
for run in 1 2 3 4 5; do
    does workers
    check "workers: four counts" "4 yes" "$(awk '
        NR > 1 && $1 + 0 > 0 { rows++; if ($2 <= 0 || $3 <= 0) bad = $0 }
        END { print rows, bad ? bad : "yes" }' "$tmp/shown")"
    gain=$(awk 'NR == 2 { one = $3 } NR == 5 { print int($3 / one) }' "$tmp/shown")
    [ "$gain" -lt 3 ] || break
done
at_most "workers: who waits needs many, run $run" "$gain" 3

example >"$tmp/output"
check "all in turn" "0 tasks priorities scaling retry workers" \
    "$? $(grep '^[a-z]*$' "$tmp/output" | tr '\n' ' ' | sed 's/ $//')"
refuses 2 nonsense
refuses 2 tasks retry
finish
