#!/bin/sh
# A wave makes workers come and go, and loses no job: 19_wave_test.sh [runner...] path/to/19_wave
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# rides NAME ARGUMENT...: what holds of every wave
rides() {
    name=$1
    shift
    example "$@" >"$tmp/output"
    check "$name: status" 0 $?
    check "$name: workers" "2 to 24 2" "$(awk '
        $1 == "tick" { if ($8 < 2 || $8 > 24) print; last = $8 }
        END { print "2 to 24", last }' "$tmp/output")"
    check "$name: more of them in the wave" yes "$(awk '
        $1 == "tick" && $8 > most { most = $8 }
        $2 == "to" { print (most >= 8 && $3 == most ? "yes" : most " of " $3) }' "$tmp/output")"
    check "$name: no job is lost" "yes 0" "$(awk '
        $1 == "tick" { submitted += $4; finished += $10 }
        $2 == "jobs" {
            print (submitted == $1 + $6 && finished == $1 && $1 == $4 ? "yes" : $0), $6
        }' "$tmp/output")"
    check "$name: each decision is told" yes "$(awk '
        $2 == "to" {
            ups = $5 + 0; downs = $8 + 0
            for (i = 11; i < NF; i += 2) told += $(i + 1)
            print (ups > 0 && downs > 0 && told == ups + downs ? "yes" : $0)
        }' "$tmp/output")"
}

# reason NAME: how often it was that of a decision
reason() {
    awk -v name="$1" '$2 == "to" { for (i = 1; i < NF; i++) if ($i == name) print $(i + 1) }' \
        "$tmp/output"
}

rides "a wave" 3
at_most "a wave: some for the load" "$(reason load)" 1
at_most "a wave: some for lack of work" "$(reason idle)" 1
check "a wave: nobody said that he blocks" 0 "$(reason blocked)"
rides "jobs that say so" -b 1
at_most "jobs that say so: in place of blocked ones" "$(reason blocked)" 1

if [ "$(script -qec 'echo here' /dev/null 2>/dev/null </dev/null | tr -d '\r')" = here ]; then
    script -qec "$limit $runner $binary 1" /dev/null </dev/null >"$tmp/output"
    check "terminal: status" 0 $?
    escape=$(printf '\033')
    check "terminal: one row below the other" 4 "$(tr -d '\r' <"$tmp/output" | sed 5q |
        grep -c '^ *[a-z]* *[0-9]* |.*|$')"
    pictures=$(grep -c "^decisions:" "$tmp/output")
    check "terminal: each picture in place of the last" $((pictures - 1)) \
        "$(grep -c "^$escape\[5A" "$tmp/output")"
    at_most "terminal: it moves" "$pictures" 5
else
    skip "terminal" "no script(1) here"
fi

refuses 2 0
refuses 2 x
refuses 2 3 3
refuses 2 -x
finish
