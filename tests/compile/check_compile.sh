#!/bin/sh
# Compile the files of this folder in every way the header promises, with each compiler found, and
# run what makes a program.
cd "$(dirname "$0")" || exit 2
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror -O1 -I../.. -pthread"
passed=0 failed=0 skipped=0

# check NAME COMMAND: the command succeeds and says nothing
check() {
    if sh -c "$2" >"$out/log" 2>&1 && [ ! -s "$out/log" ]; then
        passed=$((passed + 1))
        echo "PASS $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1: $2"
        cat "$out/log"
    fi
}

compilers=
for cc in gcc clang; do
    if command -v $cc >/dev/null; then
        compilers="$compilers $cc"
    else
        skipped=$((skipped + 1))
        echo "SKIP $cc: not installed"
    fi
done

for cc in ${compilers:-${CC:-cc}}; do
    for std in c11 c17 gnu11; do
        check "$cc $std: declarations" "$cc -std=$std $flags -c c11.c -o $out/c11.o"
    done
    check "$cc c11: implementation" "$cc -std=c11 $flags -c strict.c -o $out/strict.o"
    check "$cc gnu11: after stdio.h" "$cc -std=gnu11 $flags late.c -o $out/late && $out/late"
    check "$cc c11: static" "$cc -std=c11 $flags static.c -o $out/static && $out/static"
    check "$cc c11: twice" "$cc -std=c11 $flags twice.c -o $out/twice && $out/twice"
    check "$cc gnu11: declarations first" \
        "$cc -std=gnu11 $flags -DDECLARATIONS_FIRST twice.c -o $out/twice && $out/twice"
    check "$cc c11: two units, two instances" \
        "$cc -std=c11 $flags -DB_STATIC -c two_units_b.c -o $out/b_static.o &&
         $cc -std=c11 $flags two_units_a.c two_units_b.c $out/b_static.o $out/strict.o -o $out/two &&
         $out/two"

    case $cc in
    gcc) cxx=g++ ;;
    clang) cxx=clang++ ;;
    *) cxx=c++ ;;
    esac
    if ! command -v $cxx >/dev/null; then
        skipped=$((skipped + 1))
        echo "SKIP $cxx: not installed"
        continue
    fi
    for std in c++11 c++14 c++17 c++20; do
        check "$cxx $std: with exceptions" \
            "$cxx -std=$std $flags cpp.cc $out/strict.o -o $out/cpp && $out/cpp"
    done
    check "$cxx c++11: without exceptions" \
        "$cxx -std=c++11 $flags -fno-exceptions -x c++ -c c11.c -o $out/c11.o"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
