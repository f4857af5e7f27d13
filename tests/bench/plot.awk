# Draws the figures of one benchmark as SVG, from the CSV file that the benchmarks write:
#     awk -v bench=fork -v note='which machine' -f plot.awk bench.csv >fork.svg
# A name growth-WHAT-AXIS is drawn as lines along that axis (workers, submitters, jobs), both scales
# logarithmic; any other one as bars, a panel for each number of threads, size and unit.
BEGIN {
    FS = "\""  # bench,"contender",workers,submitters,size,value,unit,min,max
    WIDTH = 760
    LEFT = 190; RIGHT = 90  # of a panel of bars
    BAR = 20; PANEL_GAP = 46
    PLOT_LEFT = 60; PLOT_RIGHT = 200; PLOT_HEIGHT = 240  # of one of lines
    COLOURS = split("#8c564b #1f77b4 #7f7f7f #9467bd #bcbd22 #17becf #e377c2", colours, " ")
}

NF >= 3 {
    name = $1
    sub(/,$/, "", name)
    if (name != bench && index(name, bench "-") != 1) next
    split($3, field, ",")  # field[1] is empty
    is_lines = name ~ /^growth-/
    panel = is_lines ? name : name SUBSEP field[2] SUBSEP field[3] SUBSEP field[4] SUBSEP field[6]
    if (!(panel in seen_panel)) {
        seen_panel[panel] = 1
        panels[++panel_count] = panel
        lines[panel] = is_lines
        unit[panel] = field[6]
        title[panel] = is_lines ? grown(name) : name ": " threads(field[2], field[3])
    }
    axis = name
    sub(/.*-/, "", axis)
    x = axis == "workers" ? field[2] : axis == "submitters" ? field[3] : field[4]
    add(panel, $2, x, field[5])
}

END {
    if (panel_count == 0) exit 1
    height = 40
    for (p = 1; p <= panel_count; p++) height += height_of(panels[p])
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" ", WIDTH, height
    print "font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
    y = 10
    for (p = 1; p <= panel_count; p++) {
        if (lines[panels[p]]) draw_lines(panels[p], y)
        else draw_bars(panels[p], y)
        y += height_of(panels[p])
    }
    text(10, height - 12, "start", note, "#666")
    print "</svg>"
}

function add(panel, who, x, value,   key) {
    key = panel SUBSEP "/" SUBSEP who
    if (!(key in count)) {
        contenders[panel, ++contender_count[panel]] = who
        count[key] = 0
    }
    count[key]++
    xs[key, count[key]] = x
    values[key, count[key]] = value
    if (!(panel in high) || value + 0 > high[panel]) high[panel] = value + 0
    if (!(panel in low) || value + 0 < low[panel]) low[panel] = value + 0
    if (!(panel in first) || x + 0 < first[panel]) first[panel] = x + 0
    if (!(panel in last) || x + 0 > last[panel]) last[panel] = x + 0
}

function threads(workers, others) {
    workers = workers (workers == 1 ? " worker" : " workers")
    if (bench == "queue") return others == 0 ? "one thread" : others " to put, " others " to take"
    return others > 0 ? workers ", " others (others == 1 ? " submitter" : " submitters") : workers
}

function grown(name,   part) {
    split(name, part, "-")
    return part[2] ", by number of " part[3]
}

function better(panel) { return unit[panel] ~ /^M/ ? "more is better" : "less is better" }

function height_of(panel) {
    if (lines[panel]) return PLOT_HEIGHT + PANEL_GAP + 34
    return contender_count[panel] * BAR + PANEL_GAP
}

function escaped(s) {
    gsub(/&/, "\\&amp;", s)
    gsub(/</, "\\&lt;", s)
    return s
}

function text(x, y, anchor, s, colour) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x, y, anchor,
        colour, escaped(s)
}

function line(x1, y1, x2, y2, colour) {
    printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
        x1, y1, x2, y2, colour
}

# wpool in green, the others in what is left
function colour_of(panel, i,   who, n, j) {
    who = contenders[panel, i]
    if (who ~ /^wpool/) return who ~ /many|at once|join/ ? "#7fcf7f" : "#128a12"
    for (j = 1; j <= i; j++) if (contenders[panel, j] !~ /^wpool/) n++
    return colours[(n - 1) % COLOURS + 1]
}

function draw_heading(panel, top) {
    text(10, top + 16, "start", title[panel] " (" unit[panel] ", " better(panel) ")", "black")
}

function draw_bars(panel, top,   i, who, value, y, width, scale) {
    draw_heading(panel, top)
    scale = (WIDTH - LEFT - RIGHT) / (high[panel] > 0 ? high[panel] : 1)
    for (i = 1; i <= contender_count[panel]; i++) {
        who = contenders[panel, i]
        value = values[panel, "/", who, 1]
        y = top + 24 + (i - 1) * BAR
        width = value * scale
        text(LEFT - 8, y + 14, "end", who, "black")
        printf "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
            LEFT, y + 2, width < 1 ? 1 : width, BAR - 5, colour_of(panel, i)
        text(LEFT + width + 6, y + 14, "start", sprintf("%.4g", value), "black")
    }
}

# The scales of the panel drawn now: 1, 2, 5, 10, ... around what is in it.
function scale_to(panel, top,   e) {
    from = low[panel]; to = high[panel]
    low_edge = exp(log(10) * floor(log(from) / log(10)))
    if (low_edge * 5 <= from) low_edge *= 5
    else if (low_edge * 2 <= from) low_edge *= 2
    high_edge = exp(log(10) * floor(log(to) / log(10)))
    if (high_edge < to) high_edge *= high_edge * 2 >= to ? 2 : high_edge * 5 >= to ? 5 : 10
    if (high_edge <= low_edge) high_edge = low_edge * 2
    plot_top = top + 28
    first_x = first[panel]
    last_x = last[panel] > first_x ? last[panel] : first_x * 2
}

function floor(v) { return v < 0 && int(v) != v ? int(v) - 1 : int(v) }

function x_at(x) {
    return PLOT_LEFT + (WIDTH - PLOT_LEFT - PLOT_RIGHT) * log(x / first_x) / log(last_x / first_x)
}

function y_at(v) {
    return plot_top + PLOT_HEIGHT * (1 - log(v / low_edge) / log(high_edge / low_edge))
}

function short(n) {
    if (n >= 1000000) return n / 1000000 "M"
    return n >= 1000 ? n / 1000 "k" : n ""
}

function draw_grid(panel,   e, step, v, i, who, key, seen, n) {
    for (e = floor(log(low_edge) / log(10)) - 1; exp(e * log(10)) <= high_edge * 1.01; e++) {
        for (step = 1; step <= 5; step += step == 2 ? 3 : 1) {
            if (step == 3 || step == 4) continue
            v = step * exp(e * log(10))
            if (v < low_edge * 0.99 || v > high_edge * 1.01) continue
            line(PLOT_LEFT, y_at(v), WIDTH - PLOT_RIGHT, y_at(v), "#ddd")
            text(PLOT_LEFT - 6, y_at(v) + 4, "end", sprintf("%g", v), "black")
        }
    }
    for (i = 1; i <= contender_count[panel]; i++) {
        key = panel SUBSEP "/" SUBSEP contenders[panel, i]
        for (n = 1; n <= count[key]; n++) {
            v = xs[key, n]
            if (v in seen) continue
            seen[v] = 1
            line(x_at(v), plot_top, x_at(v), plot_top + PLOT_HEIGHT, "#eee")
            text(x_at(v), plot_top + PLOT_HEIGHT + 16, "middle", short(v), "black")
        }
    }
}

function draw_lines(panel, top,   i, n, key, points, y) {
    draw_heading(panel, top)
    scale_to(panel, top)
    draw_grid(panel)
    for (i = 1; i <= contender_count[panel]; i++) {
        key = panel SUBSEP "/" SUBSEP contenders[panel, i]
        points = ""
        for (n = 1; n <= count[key]; n++)
            points = points sprintf("%.1f,%.1f ", x_at(xs[key, n]), y_at(values[key, n]))
        printf "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" points=\"%s\"/>\n",
            colour_of(panel, i), contenders[panel, i] ~ /^wpool/ ? 3 : 1.5, points
        y = plot_top + 16 * i
        line(WIDTH - PLOT_RIGHT + 16, y - 4, WIDTH - PLOT_RIGHT + 36, y - 4, colour_of(panel, i))
        text(WIDTH - PLOT_RIGHT + 42, y, "start", contenders[panel, i], colour_of(panel, i))
    }
}
