# 15_uv.c is built where pkg-config and the compiler find libuv; musl-gcc and mingw often do not.
CFLAGS_15_uv := $(shell pkg-config --cflags libuv 2>/dev/null)
LIBS_15_uv := $(shell pkg-config --libs libuv 2>/dev/null)
OFF_15_uv := $(if $(and $(LIBS_15_uv),$(shell $(CC) $(CFLAGS) $(CFLAGS_15_uv) -E -include uv.h \
    -x c /dev/null >/dev/null 2>&1 && echo there)),,$(CC) finds no libuv)
