# 13_pgzip.c is built where the compiler finds zlib; musl-gcc and mingw, for example, often do not.
LIBS_13_pgzip = -lz
OFF_13_pgzip := $(if $(shell $(CC) $(CFLAGS) -E -include zlib.h -x c /dev/null >/dev/null 2>&1 && \
    echo there),,$(CC) finds no zlib)
