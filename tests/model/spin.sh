#!/bin/sh
# Check scaler.pml with Spin, in all states of each case: no assertion fails, and nobody is left who
# cannot end; ends_*: nothing goes round for ever. A name in capitals is a macro that breaks the
# protocol: that has to be found. Arguments: names of cases, else all. LIMIT=600 (seconds for each);
# CC. Takes some minutes and 2 GB.

for tool in spin "${CC:-cc}"; do
    if ! command -v "$tool" >/dev/null; then
        echo "SKIP scaler.pml: there is no $tool in PATH"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done
model=$(cd "$(dirname "$0")" && pwd)/scaler.pml || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$folder" || exit 2
passed=0 failed=0

search() { # flags of pan.c, of pan, of the model; true: it ended, and log has the errors
    compile=$1 run=$2
    shift 2
    rm -f pan*
    # shellcheck disable=SC2086 # several flags, or none
    spin -a "$@" "$model" >log 2>&1 &&
        "${CC:-cc}" -O2 -w $compile -DCOLLAPSE -DMEMLIM=8000 -o pan pan.c >>log 2>&1 &&
        { timeout "${LIMIT:-600}" ./pan -m100000 -w24 $run >log 2>&1 || [ $? -lt 124 ]; } &&
        ! grep -q -e 'max search depth too small' -e 'out of memory' log
}

errors() { sed -n 's/.*, errors: \([0-9]*\)$/\1/p' log; }
states() { sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' log | awk '{ printf "%d\n", $1 }'; }

fail() {
    echo "FAIL $*"
    grep -v '^[[:space:]]*$' log | tail -n 20
    failed=$((failed + 1))
}

while read -r name bounds; do
    case $name in '' | \#*) continue ;; esac
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    compile=-DSAFETY run='' broken=''
    case $name in
    ends_*) compile=-DNP run=-l ;;
    [A-Z]*) broken=-D$name ;;
    esac
    # shellcheck disable=SC2086 # several flags
    if ! search "$compile" "$run" $broken $bounds; then
        fail "$name $bounds: the search did not end"
    elif [ -n "$broken" ] && [ "$(errors)" -eq 0 ]; then
        fail "$name $bounds: not found, in $(states) states"
    elif [ -z "$broken" ] && [ "$(errors)" -ne 0 ]; then
        fail "$name $bounds"
    else
        passed=$((passed + 1))
        echo "PASS $name${broken:+, found}: $(states) states"
    fi
done <<'CASES'
load                -DSUBMITTERS=2 -DJOBS=2 -DQUEUED=1 -DBLOCKS=0
block               -DJOBS=3
lend                -DMIN=2 -DMAX=3 -DJOBS=1 -DQUEUED=2
time                -DTICKS=1 -DHOLDS=1 -DJOBS=1 -DQUEUED=2
raise               -DRAISE -DJOBS=3 -DBLOCKS=0
close               -DEND -DJOBS=2
ends_block          -DJOBS=2
ends_time           -DTICKS=1 -DHOLDS=1 -DJOBS=1 -DQUEUED=1
ends_close          -DEND -DJOBS=1
SWAP_PUBLISH_CHECK  -DJOBS=3
SWAP_CLAIM_LOOK     -DJOBS=3
NO_SECOND_LOOK      -DSUBMITTERS=2 -DJOBS=2 -DQUEUED=1 -DBLOCKS=0
NO_NOTIFY           -DJOBS=3
SET_ANEW            -DJOBS=3
BLOCK_LATE          -DJOBS=3
IDLE_IS_ENOUGH      -DMIN=2 -DMAX=3 -DJOBS=2 -DQUEUED=1
IDLE_FIRST          -DMIN=2 -DMAX=3 -DJOBS=2 -DQUEUED=1
STALE_IDLE          -DMIN=2 -DMAX=3 -DJOBS=2 -DQUEUED=1
KEEP_LENT           -DTICKS=1 -DJOBS=2 -DQUEUED=1
GONE_SILENTLY       -DTICKS=1 -DJOBS=2 -DQUEUED=1
LEAVING_NOT_COUNTED -DTICKS=1 -DJOBS=2 -DQUEUED=1
RAISE_SILENTLY      -DRAISE -DJOBS=3 -DBLOCKS=0
EXIT_WITHOUT_NOTIFY -DJOBS=1
JOIN_WORKERS_FIRST  -DEND -DJOBS=2
CASES

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
