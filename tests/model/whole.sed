# wpool.h as GenMC reads it without optimisation, for clients with MODEL_WHOLE: what is copied as a
# whole has a typed address (GenMC looks through [0]), and a call is returned in memory.
s/^static wpool__call /static __attribute__((ms_abi)) wpool__call /
s/\(^  *\|) \)\*\(call\|array\|stats\|result\) = /\1(\2 + 1)[-1] = /
s/= \*\(config\|allocator\);/= (\1 + 1)[-1];/
s/batch->calls\[i\] :/(wpool__call){batch->calls[i].fn, batch->calls[i].arg} :/
s/return is_exact ? 1 : WPOOL_BATCH;/return WPOOL_BATCH;/
s/= calls\[0\];/= (calls + 1)[-1];/
