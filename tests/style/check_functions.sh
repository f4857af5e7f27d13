#!/bin/sh
# wpool.h can be read: see functions.awk.
cd "$(dirname "$0")/../.." && awk -f tests/style/source.awk -f tests/style/functions.awk "${1:-wpool.h}"
