# Sourced by the tests of the examples, which are called as NAME_test.sh [runner...] path/to/NAME,
# or with the directory of all of them.
# A runner is what starts the binary, with its options: qemu, valgrind, setarch.
# shellcheck shell=sh

[ $# -gt 0 ] || { echo "usage: $0 [runner...] path/to/example" >&2; exit 2; }
runner=
while [ $# -gt 1 ]; do
    runner="$runner $1"
    shift
done
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
[ -x "$binary" ] || { echo "$binary: not built" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
limit=
timeout 60 true 2>/dev/null && limit="timeout 60"
passed=0 failed=0 skipped=0

pass() { passed=$((passed + 1)); echo "PASS $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1: $2"; }
skip() { skipped=$((skipped + 1)); echo "SKIP $1: $2"; }

# check NAME EXPECTED ACTUAL
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected '$2', got '$3'"; fi
}

# at_most NAME LIMIT NUMBER
at_most() {
    if [ "$3" -le "$2" ]; then pass "$1"; else fail "$1" "$3, more than $2"; fi
}

# same NAME FILE FILE
same() {
    if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$(cmp "$2" "$3" 2>&1)"; fi
}

# example ARGUMENT...
example() {
    # shellcheck disable=SC2086 # may be several words, or none
    $limit $runner "$binary" "$@"
}

# refuses STATUS ARGUMENT...: with a message, and nothing on standard output
refuses() {
    wanted=$1
    shift
    example "$@" >"$tmp/output" 2>"$tmp/messages" </dev/null
    status=$?
    [ -s "$tmp/messages" ] && [ ! -s "$tmp/output" ] || status="$status, no message or output"
    check "refused: $(echo "$*" | sed "s,$tmp,DIR,g")" "$wanted" "$status"
}

# A disk that is always full, for what is written to standard output.
full=/dev/full
[ -w $full ] || full=

# full_disk NAME ARGUMENT...: one message, and status 1
full_disk() {
    checked=$1
    shift
    [ "$full" ] || { skip "$checked" "no /dev/full"; return; }
    example "$@" >$full 2>"$tmp/messages"
    check "$checked" "1 1" "$? $(wc -l <"$tmp/messages" | tr -d ' ')"
}

# random BYTES: not a pattern that deflate would find
random() {
    if [ -r /dev/urandom ]; then
        head -c "$1" /dev/urandom
    else
        awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%c", 33 + int(rand() * 93) }'
    fi
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}
