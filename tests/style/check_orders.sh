#!/bin/sh
# Atomic operations give their reasons: see orders.awk.
cd "$(dirname "$0")/../.." && awk -f tests/style/source.awk -f tests/style/orders.awk "${1:-wpool.h}"
