#!/bin/sh
# Run each argument as a shell command and add up the results.
#
# A command may end its output with "N passed, N failed[, N skipped]"; any other counts as one test
# by its exit status. So a make target that calls this script can itself be an argument.
# Shown are a line per command, its SKIP lines, and all of its output if it failed or V is set.
# With RUN_JOBS, so many commands run at a time, and are shown when all have ended.

folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0 skipped=0

if [ "${RUN_JOBS:-1}" -gt 1 ] && [ -z "$V" ]; then
    number=0
    for command in "$@"; do
        number=$((number + 1))
        printf '%s' "$command" >"$folder/$number.command"
    done
    jobs=$RUN_JOBS
    unset RUN_JOBS # not for those that use this script themselves
    # shellcheck disable=SC2016 # for the inner shells
    seq "$number" | xargs -P "$jobs" -I N sh -c 'sh -c "$(cat "$0/N.command")" >"$0/N" 2>&1
        echo $? >"$0/N.status"' "$folder"
fi

number=0
for command in "$@"; do
    number=$((number + 1))
    log=$folder/$number took=
    if [ -n "$V" ]; then
        (sh -c "$command"; echo $? >"$log.status") 2>&1 | tee "$log"
    elif [ ! -e "$log.status" ]; then
        took=$(date +%s)
        sh -c "$command" >"$log" 2>&1
        echo $? >"$log.status"
        took=" in $(($(date +%s) - took)) s"
    fi
    read -r status <"$log.status"
    # shellcheck disable=SC2046 # three numbers, to be split
    set -- $(awk -v status="$status" '
        /^[0-9]+ passed, [0-9]+ failed/ { seen = 1; passed = $1; failed = $3; skipped = $5 }
        END {
            if (!seen) passed = (status == 0)
            if (status != 0 && failed == 0) failed = 1
            print passed + 0, failed + 0, skipped + 0
        }' "$log")
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ "$2" -gt 0 ]; then
        [ -n "$V" ] || cat "$log"
        echo "FAIL $command: $1 passed, $2 failed (status $status)$took"
    else
        [ "$1" -eq 0 ] || echo "PASS $command: $1 passed$took"
        [ -n "$V" ] || grep '^SKIP' "$log"
    fi
done

echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
