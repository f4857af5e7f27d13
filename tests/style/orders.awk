# Every atomic operation says why it has the order that it has.
#
# Stronger than relaxed: a comment at the statement (before it or in it) names a label like [Q1],
# and each label is found at two statements at least: the partners. Relaxed: a comment at the
# statement, or one with the word "relaxed" above or in the function. Only the room [atomics] spells
# memory_order_.

# the end of a statement: its code and its comments are complete
function statement(    rest, word, label, seen) {
    for (rest = comments; match(rest, /\[[A-Z]+[0-9]+\]/); rest = substr(rest, RSTART + RLENGTH)) {
        label = substr(rest, RSTART, RLENGTH)
        if (label in seen) continue
        seen[label]
        labels[label]++
        where[label] = first
    }
    if (room != "atomics")
        for (rest = codes; match(rest, /wpool__[a-z_0-9]+/); rest = substr(rest, RSTART + RLENGTH)) {
            word = substr(rest, RSTART, RLENGTH)
            if (word !~ /^wpool__(load|store|exchange|cas|add|sub|or|and|fence)_/) continue
            if (word ~ /_(acquire|release|acq_rel|seq_cst)/) {
                ordered++
                if (comments !~ /\[[A-Z]+[0-9]+\]/) report(first, word " without a label")
            } else if (word ~ /_relaxed/) {
                relaxed++
                if (comments == "") unexplained[first] = word
            }
        }
    about = about comments
    if (margin ~ /^[A-Za-z_]/ && codes ~ /\) *\{/) about = comments
    if (margin ~ /^}/ || (margin ~ /^[A-Za-z_]/ && codes ~ /}$/)) end_of_function()
    codes = comments = margin = ""
    first = 0
}

function end_of_function(    line) {
    if (about !~ /relaxed/)
        for (line in unexplained) report(line, unexplained[line] " without a reason")
    split("", unexplained)
    about = ""
}

{
    split_line($0)
    if (code == "" && comment == "" && !in_comment && codes == "") comments = "" # of nothing
    if (code ~ /memory_order_/ && room != "atomics") report(NR, "memory_order_ outside of [atomics]")
    if (code != "" && !first) { first = NR; margin = code }
    codes = codes code
    comments = comments comment
    parentheses += gsub(/\(/, "(", code) - gsub(/\)/, ")", code)
    if (!in_comment && first && (code ~ /^#/ || (parentheses == 0 && code ~ /[;{}:]$/))) statement()
}

END {
    for (label in labels)
        if (labels[label] < 2) report(where[label], label " has no partner")
    print ordered + 0 " ordered and " relaxed + 0 " relaxed operations"
    exit bad > 0
}
