#!/bin/sh
# Check the clients in tests/model/cases with the model checker GenMC: $GENMC, or the genmc in PATH.
# Each under both memory models, with loops cut off at N and at 2N turns: the number of executions
# must be the same, else something was cut off. Arguments: names of cases, else all.
# MODELS="rc11 imm" LIMIT=600 (seconds for each run) HEADER=folder of wpool.h TABLE=1 (print rows).

genmc=${GENMC:-$(command -v genmc)}
if [ -z "$genmc" ]; then
    echo "SKIP model checking: there is no genmc in PATH, and GENMC is not set"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
cd "$(dirname "$0")" || exit 2
log=$(mktemp) || exit 2
whole=$(mktemp -d) || exit 2 # the header for clients of all of it
trap 'rm -rf "$log" "$whole"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
sed -f whole.sed "${HEADER:-../..}/wpool.h" >"$whole/wpool.h" || exit 2
passed=0 failed=0

check() { # client bounds model unroll; sets executions, seconds; false: an error, its output in log
    folder=${HEADER:-../..}
    case $2 in *MODEL_WHOLE*) folder=$whole ;; esac
    # shellcheck disable=SC2046 # several flags
    timeout "${LIMIT:-600}" "$genmc" --disable-estimation --check-liveness --disable-spin-assume \
        --disable-mm-detector \
        "--$3" "--unroll=$4" -- -w -ffp-contract=off -I. -I"$folder" $(echo "$2" | tr , ' ') "$1" \
        >"$log" 2>&1 || return 1
    executions=$(sed -n 's/^Number of complete executions explored: //p' "$log")
    seconds=$(sed -n 's/^Total wall-clock time: \(.*\)s/\1/p' "$log")
    grep -q '^No errors were detected' "$log" && [ "${executions:-0}" -gt 0 ]
}

while read -r name client bounds unroll; do
    case $name in '' | \#*) continue ;; esac
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    for model in ${MODELS:-rc11 imm}; do
        if ! check "$client" "$bounds" "$model" "$unroll"; then
            echo "FAIL $name, $model: $client $bounds"
            grep -v '^:' "$log" | tail -n 60
            failed=$((failed + 1))
            continue
        fi
        first=$executions time=$seconds
        if ! check "$client" "$bounds" "$model" $((2 * unroll)) || [ "$executions" != "$first" ]; then
            echo "FAIL $name, $model: $first executions with --unroll=$unroll, $executions with twice that"
            failed=$((failed + 1))
            continue
        fi
        passed=$((passed + 1))
        if [ -n "$TABLE" ]; then
            echo "| $name | $model | $executions | $time |"
        else
            echo "PASS $name, $model: $executions executions, $time s"
        fi
    done
done <cases

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
