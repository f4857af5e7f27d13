#!/bin/sh
# The table of contents lists the rooms as the banners do, in their order.
cd "$(dirname "$0")/../.." || exit 2
header=${1:-wpool.h}
contents=$(awk '/TABLE OF CONTENTS/ { on = 1; next }
                on && /\*\// { exit }
                on && $1 ~ /^\[[a-z]+\]$/ { print $1 }' "$header")
banners=$(sed -n 's/.*==== \(\[[a-z]*\]\) .*/\1/p' "$header")
[ -n "$contents" ] && [ "$contents" = "$banners" ] && exit
printf '%s: the table of contents lists\n%s\nand the banners are\n%s\n' "$header" "$contents" "$banners"
exit 1
