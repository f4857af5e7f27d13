# Reads what gcov says of any number of programs and merges it: a line or a branch counts as run if
# it was in one of them. Compares that with the file `list`. See coverage.sh.

function trimmed(text) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    return text
}

# the list: "function: text of the line", and below, indented, why it is not run
BEGIN {
    while ((getline entry < list) > 0)
        if (entry != "" && entry !~ /^[# ]/) listed[entry] = 1
}

/^ +-: +0:Source:/ { is_header = /[:\/]wpool\.h$/ }
!is_header { next }
/^function / { name = $2; next }
/^branch / {
    branches[line, $2] += $4 # "branch  0 taken 5", or "never executed"
    next
}
/^ *[0-9#=-]+\*?: *[1-9][0-9]*:/ {
    count = trimmed(substr($0, 1, index($0, ":") - 1))
    rest = substr($0, index($0, ":") + 1)
    line = substr(rest, 1, index(rest, ":") - 1) + 0
    if (count == "-") next
    lines[line] += count # "#####" is 0, "12*" is 12
    keys[line] = name ": " trimmed(substr(rest, index(rest, ":") + 1))
    if (line > last) last = line
}

function share(part, all) { return sprintf("%d of %d, %.2f %%", part, all, 100 * part / all) }

END {
    for (line = 1; line <= last; line++) {
        if (!(line in lines)) continue
        line_count++
        print line, lines[line], keys[line] >table
        exists[keys[line]] = 1
        if (lines[line] > 0) {
            run++
        } else if (keys[line] in listed) {
            excused++
        } else {
            print "not run and not listed: wpool.h:" line ": " keys[line]
            failed = 1
        }
    }
    for (key in branches) {
        branch_count++
        if (branches[key] > 0) taken++
    }
    for (key in listed)
        if (!(key in exists)) {
            print "listed, but there is no such line: " key
            failed = 1
        }
    if (line_count == 0 || run * 100 < line_count * least) {
        print "less than " least " % of the lines are run"
        failed = 1
    }
    if (line_count == 0) exit 1
    print "wpool.h: lines run: " share(run, line_count) "; not run, with reasons: " excused + 0
    print "wpool.h: branches taken: " share(taken, branch_count)
    exit failed
}
