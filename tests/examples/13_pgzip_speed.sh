#!/bin/sh
# Speed of the example beside pigz and gzip, where they are installed, with as many threads each:
# 13_pgzip_speed.sh path/to/13_pgzip FILE [ROUNDS [THREADS]]
# The best of ROUNDS (1) counts, in turns, so that what else the machine does hits all of them.

[ $# -ge 2 ] || { echo "usage: $0 path/to/13_pgzip FILE [ROUNDS [THREADS]]" >&2; exit 2; }
binary=$1 file=$2 rounds=${3:-1}
threads=${4:-$(nproc 2>/dev/null || echo 2)}
size=$(wc -c <"$file")
case $(date +%s%N) in
*[!0-9]*) echo "no speed: date has no nanoseconds here"; exit 0 ;;
esac

# measure NAME COMMAND...: a line NAME NANOSECONDS BYTES
measure() {
    name=$1
    shift
    command -v "$1" >/dev/null || { echo "$name 0 0"; return; }
    began=$(date +%s%N)
    packed=$("$@" "$file" | wc -c)
    echo "$name $(($(date +%s%N) - began)) $packed"
}

round=0
while [ "$round" -lt "$rounds" ]; do
    measure pgzip "$binary" -j "$threads"
    measure pigz pigz -c -p "$threads"
    measure gzip gzip -c
    round=$((round + 1))
done | awk -v size="$size" -v threads="$threads" '
    !($1 in best) { order[++count] = $1 }
    !($1 in best) || $2 < best[$1] { best[$1] = $2; packed[$1] = $3 }
    END {
        printf "%.1f MB, %d threads:", size / 1e6, threads
        for (i = 1; i <= count; i++) {
            name = order[i]
            if (best[name] == 0)
                printf "%s %s is not installed", (i > 1 ? "," : ""), name
            else
                printf "%s %s %.1f MB/s (%.1f %%)", (i > 1 ? "," : ""), name,
                    size * 1e3 / best[name], packed[name] * 100 / size
        }
        print ""
    }'
