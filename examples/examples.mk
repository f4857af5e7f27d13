# Special rules for examples.

# wc.c walks directories the POSIX way.
OFF_wc = $(if $(findstring mingw,$(CC)),not for Windows)
# Windows polls sockets only, and has no such signals.
OFF_14_poll = $(OFF_wc)
OFF_17_context = $(OFF_wc)
OFF_20_polite = $(OFF_wc)

# GNU wc before 9.5 ignored unprintable bytes when it counted words. Where that one is installed,
# `make run` counts in the same way, so that the two can be compared.
WC_FLAGS = $(shell [ "$$(printf '\001' | LC_ALL=C wc -w)" -eq 0 ] && echo -p)
