#!/bin/sh
# What the documentation shows compiles. Each ```c block of README.md is a program (linked and run),
# declarations, or statements that know the names in fragment.h; the example in the manual of
# wpool.h prints 9801; README.md mentions every public function.
cd "$(dirname "$0")/../.." || exit 2
[ -r README.md ] || { echo "there is no README.md"; exit 1; }
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
compiler="${CC:-cc} -Wall -Wextra -Werror -I. -pthread"
passed=0 failed=0

# check NAME COMMAND...
check() {
    name=$1
    shift
    if "$@" >"$out/log" 2>&1; then
        passed=$((passed + 1))
        echo "PASS $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        cat "$out/log"
    fi
}

program_runs() {
    $compiler -std=c11 "$1" -o "$out/program" && "$out/program"
}

fragment_compiles() {
    $compiler -std=gnu11 -D_GNU_SOURCE -Wno-unused -include tests/style/fragment.h -fsyntax-only "$1"
}

block_compiles() {
    if grep -q 'int main(' "$1"; then
        program_runs "$1"
    elif ! fragment_compiles "$1" 2>"$out/as_declarations"; then
        { echo 'int fragment(void) { {' && cat "$1" && echo '} return 0; }'; } >"$1.statements.c"
        fragment_compiles "$1.statements.c" || { cat "$out/as_declarations"; return 1; }
    fi
}

manual_prints_9801() {
    awk '/==== \[manual\]/ { manual = 1 }
         manual && /^       #define WPOOL_IMPLEMENTATION/ { on = 1 }
         on && /[^ ]/ && !/^       / { exit }
         on { print substr($0, 8) }' wpool.h >"$out/manual.c"
    printed=$(program_runs "$out/manual.c") && echo "$printed" && [ "$printed" = 9801 ]
}

readme_mentions_functions() {
    sed -n 's/^WPOOL_API [^(]*[ *]\(wpool_[a-z0-9][a-z_0-9]*\)(.*/\1/p' wpool.h | sort -u >"$out/functions"
    [ -s "$out/functions" ] || return
    while read -r function; do
        grep -qw "$function" README.md || echo "not in README.md: $function"
    done <"$out/functions" >"$out/missing"
    cat "$out/missing"
    [ ! -s "$out/missing" ]
}

check "the manual's example prints 9801" manual_prints_9801
check "README.md mentions every public function" readme_mentions_functions
awk -v out="$out" '
    /^```/ && on { on = 0; close(file); next }
    /^```c$/ {
        on = 1
        file = sprintf("%s/line_%04d.c", out, NR)
        print "#line " NR + 1 " \"README.md\"" >file
        next
    }
    on { print >file }' README.md
for block in "$out"/line_*.c; do
    [ ! -e "$block" ] || check "$(basename "$block" .c) of README.md" block_compiles "$block"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
