# Tables for README.md from the CSV file that the benchmarks write:
#     awk -v bench=fork -f markdown.awk bench.csv
# A row for each contender, a column for each number of workers and submitters, size and unit.
BEGIN { FS = "\"" }

NF >= 3 {
    name = $1
    sub(/,$/, "", name)
    if (name != bench) next
    split($3, field, ",")  # field[1] is empty
    column = field[2] SUBSEP field[3] SUBSEP field[4] SUBSEP field[6]
    if (!(column in seen)) {
        seen[column] = 1
        columns[++column_count] = column
        title = field[2] " w"
        if (field[3] > 0) title = field[3] ":" title
        titles[column_count] = title ", " field[4] ", " field[6]
    }
    if (!($2 in known)) {
        known[$2] = 1
        contenders[++contender_count] = $2
    }
    value[$2, column] = sprintf("%.4g", field[5])
}

END {
    if (column_count == 0) exit 1
    row = "| " bench " |"
    rule = "|---|"
    for (c = 1; c <= column_count; c++) {
        row = row " " titles[c] " |"
        rule = rule "---:|"
    }
    print row "\n" rule
    for (r = 1; r <= contender_count; r++) {
        row = "| " contenders[r] " |"
        for (c = 1; c <= column_count; c++) {
            cell = contenders[r] SUBSEP columns[c]
            row = row " " (cell in value ? value[cell] : "-") " |"
        }
        print row
    }
}
