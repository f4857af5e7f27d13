# Functions of at most 70 lines, lines of at most 100 columns, nothing left to do.

{ split_line($0) }
length($0) > 100 { report(NR, length($0) " columns") }
/TODO|FIXME/ { report(NR, "something is left to do") }

# a definition begins at the left margin, has its { after a ), and ends with a } at the left margin
!start && code ~ /^[A-Za-z_]/ && code !~ /[;}]$/ { head = ""; start = NR }
!start && code ~ /^[A-Za-z_].*\) \{.*\}$/ { lengths[count++] = 1 }
start && !inside {
    head = head code
    if (head ~ /[{;}]$/) inside = head ~ /\) *\{$/
    if (head ~ /[{;}]$/ && !inside) start = 0
}
inside && code ~ /^}/ {
    lengths[count++] = NR - start + 1
    if (NR - start + 1 > 70) report(start, "a function of " NR - start + 1 " lines: " head)
    start = inside = 0
}

END {
    for (i = 1; i < count; i++) # sort
        for (j = i; j > 0 && lengths[j - 1] > lengths[j]; j--) {
            swap = lengths[j]; lengths[j] = lengths[j - 1]; lengths[j - 1] = swap
        }
    if (count)
        print count " functions, lines: median " lengths[int(count / 2)] \
            ", 90 % up to " lengths[int(count * 0.9)] ", longest " lengths[count - 1]
    exit bad > 0
}
