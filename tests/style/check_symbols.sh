#!/bin/sh
# The implementation exports the functions of [api] and nothing else, and has no mutable global.
cd "$(dirname "$0")/../.." || exit 2
out=$(mktemp -d) || exit 2
trap 'rm -rf "$out"' EXIT
printf '#define WPOOL_IMPLEMENTATION\n#include "wpool.h"\n' >"$out/wpool.c"
${CC:-cc} -std=c11 -O2 -I. -c "$out/wpool.c" -o "$out/wpool.o" || exit 1

sed -n 's/^WPOOL_API [^(]*[ *]\(wpool_[a-z_0-9]*\)(.*/\1/p' wpool.h | sort -u >"$out/declared"
nm -g "$out/wpool.o" | awk 'NF == 3 { print $3 }' | sort >"$out/exported"
status=0
if ! diff "$out/declared" "$out/exported"; then
    echo "wpool.h declares < and exports >"
    status=1
fi
# what is thread-local is in .tdata and .tbss
if ! nm -f sysv "$out/wpool.o" |
    awk -F '|' '$7 ~ /^\.(data|bss)$/ { print $1; bad = 1 } END { exit bad }'; then
    echo "wpool.h has mutable globals"
    status=1
fi
exit $status
