"""The results as one self-contained SVG: a row of the grid for each tokenizer, a
column for each text, in each field our rate over that of the best rival that
counts right, cold above warm. It brings its own background, for a page may be
dark where the viewer's system is light."""

import record
from html import escape

LEFT, TOP, RIGHT, BOTTOM = 132, 78, 12, 30
WIDTH, HEIGHT = 112, 58  # of a field
BARS = 62  # the length of the longest bar

STYLE = """
.page { fill: #ffffff; stroke: #d0d7de } .ink { fill: #1f2328 } .faint { fill: #59636e } .line { stroke: #d0d7de }
.ours { fill: #0969da } .rival { fill: #afb8c1 } .less { fill: #bc4c00 }
text { font: 11px system-ui, sans-serif } .title { font-size: 14px; font-weight: 600 } .ratio { font-weight: 600 } .small { font-size: 9.5px }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; stroke: #3d444d } .ink { fill: #f0f6fc } .faint { fill: #9198a1 } .line { stroke: #3d444d }
.ours { fill: #4493f8 } .rival { fill: #656c76 } .less { fill: #f0883e }
}
"""


def page(width, height, title):
    """The beginning of an image."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6" class="page"/>',
    ]


def text(x, y, content, classes="ink", anchor="start"):
    return f'<text x="{x:g}" y="{y:g}" class="{classes}" text-anchor="{anchor}">{escape(content)}</text>'


def rect(x, y, width, height, cls, title=""):
    title = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:g}" y="{y:g}" width="{max(1, width):.1f}" height="{height}" class="{cls}">{title}</rect>'


def draw(head, rows):
    table = {c.ours.cell: c for c in record.cells(rows, "ours")}
    tokenizers = list(dict.fromkeys(k for k, _ in table))
    texts = list(dict.fromkeys(t for _, t in table))
    width, height = LEFT + WIDTH * max(4, len(texts)) + RIGHT, TOP + HEIGHT * len(tokenizers) + BOTTOM
    most = max((getattr(r, w) for c in table.values() for w in ("cold", "warm") for r in (c.ours, getattr(c, w)) if r), default=1)

    def bar(x, y, rate, cls, title):
        return rect(x, y, rate / most * BARS, 8, cls, title)

    machine = dict(head)
    out = [
        *page(width, height, "Tokens counted: MB of text a second on one thread, ours and the best rival"),
        text(14, 24, "Counting tokens on one thread: MB/s, and times the best rival", "ink title"),
        '<rect x="14" y="35" width="10" height="8" class="ours"/>' + text(28, 43, "ours"),
        '<rect x="64" y="35" width="10" height="8" class="rival"/>' + text(78, 43, "the best rival that counts right"),
        text(252, 43, "above: first pass over the text (cold), below: second (warm)", "faint"),
    ]
    for i, t in enumerate(texts):
        out.append(text(LEFT + i * WIDTH, TOP - 10, t))
    for j, k in enumerate(tokenizers):
        y = TOP + j * HEIGHT
        out.append(f'<line x1="14" y1="{y}" x2="{width - 14}" y2="{y}" class="line"/>')
        out.append(text(14, y + 33, k))
        for i, t in enumerate(texts):
            if c := table.get((k, t)):
                for n, which in enumerate(("cold", "warm")):
                    out += field(c, which, LEFT + i * WIDTH, y + 8 + n * 23, bar)
    foot = f"The longest bar is {record.figure(float(most))} MB/s. {machine.get('cpu', '')}, {machine.get('date', '')[:10]}."
    out.append(text(14, height - 11, foot, "faint small"))
    return "\n".join(out + ["</svg>", ""])


def field(cell, which, x, y, bar):
    rate, rival, ratio = getattr(cell.ours, which), getattr(cell, which), cell.ratio(which)
    out = [bar(x, y, rate, "ours", f"ours, {which}: {record.figure(rate)} MB/s")]
    if rival is None:
        return out
    other = getattr(rival, which)
    out.append(bar(x, y + 9, other, "rival", f"{rival.tool} {rival.version}, {which}: {record.figure(other)} MB/s"))
    out.append(text(x + WIDTH - 14, y + 12, f"{ratio:.1f}×", "less ratio" if ratio < 1 else "ink ratio", "end"))
    return out
