# What the checks of the text share. For each line: split() sets code (without comments and the
# insides of strings) and comment; room is the [room] the line is in.

function split_line(line,    token) {
    code = comment = ""
    if (match(line, /==== \[[a-z]+\] /)) room = substr(line, RSTART + 6, RLENGTH - 8)
    while (line != "") {
        if (in_comment) {
            in_comment = !match(line, /\*\//)
            comment = comment (in_comment ? line : substr(line, 1, RSTART - 1)) " "
            line = in_comment ? "" : substr(line, RSTART + 2)
        } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/)) {
            token = substr(line, RSTART, RLENGTH)
            code = code substr(line, 1, RSTART - 1)
            line = substr(line, RSTART + RLENGTH)
            if (token == "/*") in_comment = 1
            else if (token != "//") code = code "\"\""
            else { comment = comment line; line = "" }
        } else {
            code = code line
            line = ""
        }
    }
    sub(/[ \t\\]+$/, "", code)
}

function report(line, text) {
    print FILENAME ":" line ": " text
    bad++
}
