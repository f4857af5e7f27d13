#!/bin/sh
# Who is there and what is left: 16_workers_test.sh [runner...] path/to/16_workers
# shellcheck source=tests/examples/check.sh
. "$(dirname "$0")/check.sh"

# which worker has which job is another matter each time
for run in 1 2 3 4 5; do
    example >"$tmp/output"
    check "run $run: status" 0 $?
    check "run $run: tables" "4 busy
3 busy, 1 leaving
3 busy" "$(awk '
        function add(name) {
            if (count[name]) text = text (text ? ", " : "") count[name] " " name
            count[name] = 0
        }
        function line() {
            text = ""
            add("available"); add("busy"); add("leaving")
            if (text) print text
        }
        /^ *[0-9]+  / { count[$2]++; next }
        { line() }' "$tmp/output")"
    check "run $run: each worker its own job" "" \
        "$(awk '/^worker /{ delete seen } /^ *[0-9]+  / && ($3 < 0 || seen[$3]++)' "$tmp/output")"
    check "run $run: what happened" "worker 1 leaves, its job succeeded
worker 0 leaves, its job was cancelled
4 of the jobs that waited discarded
graceful exit: 12 accepted = 4 succeeded + 1 cancelled + 7 discarded
hot exit: 12 accepted = 0 succeeded + 3 cancelled + 9 discarded" \
        "$(sed '/^ *[0-9]*  /d; /^worker  /d' "$tmp/output")"
done
finish
