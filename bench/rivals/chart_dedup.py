"""The results of dedup.py as one self-contained SVG: a line for each tool; on the
left its rate on each corpus, on the right, for each set with ground truth, how
much it finds and how much of what it drops it should not."""

import chart
from chart import rect, text
from record import figure
from record_dedup import share, short, tools_of

LEFT, TOP, RIGHT, BOTTOM = 130, 96, 14, 46
FIELD, HEIGHT, GAP = 104, 40, 26  # width and height of a field; between the halves
BAR = 46  # the length of the longest bar


def draw(head, rows):
    cells = {(r.corpus, r.tool): r for r in rows}
    tools = tools_of(rows)
    fast = list(dict.fromkeys(r.corpus for r in rows if not r.pairs))
    judged = list(dict.fromkeys(r.corpus for r in rows if r.pairs))
    middle = LEFT + FIELD * len(fast) + GAP
    width, height = max(middle + FIELD * len(judged), 640) + RIGHT, TOP + HEIGHT * len(tools) + BOTTOM
    head = dict(head)
    threshold = head.get("threshold", "")
    out = chart.page(width, height, "Near-duplicates removed on one core: speed, and what is found and dropped wrongly")
    out.append(text(14, 24, f"Removing near-duplicates (Jaccard from {threshold}) on one core", "ink title"))
    if fast:
        out.append(text(LEFT, 46, "MB of text a second, JSONL to JSONL", "ink"))
        out.append(text(LEFT, 60, "ours proves each pair, and counts tokens and tallies besides", "faint small"))
    if judged:
        out.append(rect(middle, 38, 10, 8, "ours") + text(middle + 14, 46, f"true pairs found, of all from {threshold}"))
        out.append(rect(middle, 52, 10, 8, "less") + text(middle + 14, 60, f"of the dropped, without a kept document from {threshold}"))
    for i, c in enumerate(fast):
        out.append(text(LEFT + i * FIELD, TOP - 10, c))
    for i, c in enumerate(judged):
        out.append(text(middle + i * FIELD, TOP - 10, c))
    for j, tool in enumerate(tools):
        y = TOP + j * HEIGHT
        out.append(f'<line x1="14" y1="{y}" x2="{width - 14}" y2="{y}" class="line"/>')
        out.append(text(14, y + 24, tool, "ink ratio" if tool == "ours" else "ink"))
        for i, c in enumerate(fast):
            if r := cells.get((c, tool)):
                most = max(r.rate for r in rows if r.corpus == c)
                x, cls = LEFT + i * FIELD, "ours" if tool == "ours" else "rival"
                title = f"{tool} {r.version}, {c}: {figure(r.rate)} MB/s, {figure(r.peak_mb)} MB of memory"
                out.append(rect(x, y + 14, r.rate / most * BAR, 12, cls, title))
                out.append(text(x + r.rate / most * BAR + 5, y + 24, short(r.rate), "ink"))
        for i, c in enumerate(judged):
            if r := cells.get((c, tool)):
                x, wrong = middle + i * FIELD, r.wrongful / max(1, r.dropped)
                title = f"{tool} {r.version}, {c}: recall {r.recall:.4f} of {r.pairs} pairs; {r.wrongful} of {r.dropped} dropped wrongly"
                out.append(rect(x, y + 8, r.recall * BAR, 9, "ours" if tool == "ours" else "rival", title))
                out.append(text(x + BAR + 5, y + 16, f"{r.recall:.1%}"))
                if r.wrongful:
                    out.append(rect(x, y + 22, wrong * BAR, 9, "less", title))
                out.append(text(x + BAR + 5, y + 30, share(r.wrongful, r.dropped), "faint" if not r.wrongful else "ink"))
    foot = f"{head.get('cpu', '')}, {head.get('date', '')[:10]}. Slow tools are measured on the first megabytes of a corpus; versions and settings are in the record."
    out.append(text(14, height - 14, foot, "faint small"))
    return "\n".join(out + ["</svg>", ""])
