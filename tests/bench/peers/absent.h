/* Why a peer is skipped, for its row: NULL where bench.mk or the compiler has found it. */
#ifndef PEER_ABSENT_H
#define PEER_ABSENT_H

#include <stddef.h>

#ifdef HAVE_LIBUV
#define LIBUV_ABSENT NULL
#else
#define LIBUV_ABSENT "not installed (libuv1-dev)"
#endif

#ifdef HAVE_GLIB
#define GLIB_ABSENT NULL
#else
#define GLIB_ABSENT "not installed (libglib2.0-dev)"
#endif

#ifdef HAVE_TBB
#define TBB_ABSENT NULL
#else
#define TBB_ABSENT "not installed (g++, libtbb-dev)"
#endif

#ifdef _OPENMP
#define OPENMP_ABSENT NULL
#else
#define OPENMP_ABSENT "the compiler has no OpenMP (gcc, or clang with libomp-dev)"
#endif

#endif /* PEER_ABSENT_H */
