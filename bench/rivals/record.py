"""The results as CSV, and how they stand to the targets."""

import csv
import dataclasses
import io


@dataclasses.dataclass
class Row:
    """A contender in a cell. Rates are medians of the rounds, in 10**6 bytes of
    text a second; min and max are the slowest and the fastest round."""

    tokenizer: str
    text: str
    tool: str
    version: str
    threads: int
    bytes: int
    documents: int
    tokens: int
    rounds: int
    load_ms: float  # opening the tokenizer and counting one word
    cold: float  # the first pass of a process over the text
    cold_min: float
    cold_max: float
    warm: float  # the second
    warm_min: float
    warm_max: float
    peak_mb: float  # memory of the process, with the text
    counts: str  # "exact", or "N documents wrong"
    file: str  # "as is", or "patched" where it refuses the tokenizer.json as it is

    @property
    def cell(self):
        return self.tokenizer, self.text


def figure(value):
    """Three significant digits: more would be noise."""
    return f"{float(f'{value:.3g}'):g}" if isinstance(value, float) else value


def write(path, head, rows, row_type):
    b = io.StringIO()
    for key, value in head:
        print(f"# {key}: {value}", file=b)
    w = csv.writer(b, lineterminator="\n")
    w.writerow(f.name for f in dataclasses.fields(row_type))
    for row in rows:
        w.writerow(figure(v) for v in dataclasses.astuple(row))
    with open(path, "w") as f:
        f.write(b.getvalue())


def read(path, row_type):
    with open(path) as f:
        lines = f.read().splitlines()
    head = [tuple(line[2:].split(": ", 1)) for line in lines if line.startswith("# ")]
    table = csv.DictReader(line for line in lines if not line.startswith("# "))
    types = {f.name: f.type for f in dataclasses.fields(row_type)}
    return head, [row_type(**{k: types[k](v) for k, v in r.items()}) for r in table]


@dataclasses.dataclass
class Cell:
    """Our row of a cell with one thread, and the best rivals that count right."""

    ours: Row
    cold: Row | None
    warm: Row | None

    def ratio(self, which):
        rival = getattr(self, which)
        return getattr(self.ours, which) / getattr(rival, which) if rival else None


def cells(rows, ours):
    """The cells that we are in, in the order of the rows."""
    out = []
    for row in rows:
        if row.tool != ours or row.threads != 1:
            continue
        rivals = [r for r in rows if r.cell == row.cell and r.threads == 1 and r.tool != ours and r.counts == "exact"]
        best = {w: max(rivals, key=lambda r: getattr(r, w), default=None) for w in ("cold", "warm")}
        out.append(Cell(row, **best))
    return out


def target(tokenizer, text, which, byte_level):
    """How many times the best rival we are to be."""
    if tokenizer not in byte_level:
        return 3
    if which == "cold" and text in ("chinese", "japanese") and tokenizer not in ("qwen3", "deepseek_v3"):
        return 3
    return 2


def table(rows, ours):
    """Our rates and those of the best rivals in each cell, in Markdown: a pair of
    lines for a tokenizer, a column for a text."""
    of = {c.ours.cell: c for c in cells(rows, ours)}
    texts = list(dict.fromkeys(text for _, text in of))
    lines = ["| cold, warm | " + " | ".join(t.capitalize() for t in texts) + " |", "|---|" + "---:|" * len(texts)]

    def line(name, rates):
        lines.append(f"| {name} | " + " | ".join(", ".join(f"{r:.0f}" for r in pair) or "–" for pair in rates) + " |")

    for tokenizer in dict.fromkeys(name for name, _ in of):
        row = [of.get((tokenizer, t)) for t in texts]
        line(f"**{tokenizer}**", [(c.ours.cold, c.ours.warm) if c else () for c in row])
        line("best rivals", [(c.cold.cold, c.warm.warm) if c and c.cold else () for c in row])
    return "\n".join(lines)


def floor(rows, byte_level, ours):
    """Our standing, as text: every cell, what is short of its target, and how
    far more threads carry."""
    lines = [f"{'':30}{'cold: ours':>11}{'best rival':>24}{'ratio':>7}{'target':>7}   {'warm: ours':>11}{'best rival':>24}{'ratio':>7}{'target':>7}"]
    met = {"cold": 0, "warm": 0}
    short, slow = [], []
    table = cells(rows, ours)
    for c in table:
        line = f"{c.ours.tokenizer:18}{c.ours.text:12}"
        for which in "cold", "warm":
            want, ratio, rival = target(*c.ours.cell, which, byte_level), c.ratio(which), getattr(c, which)
            line += f"{getattr(c.ours, which):11.0f}"
            if ratio is None:
                line += f"{'no rival':>38}   "
                continue
            line += f"{rival.tool + ' ' + figure(getattr(rival, which)):>24}{ratio:7.2f}{want:6d}" + (" " if ratio >= want else "!") + "   "
            met[which] += ratio >= want
            if ratio < want:
                short.append((ratio / want, f"{c.ours.tokenizer}/{c.ours.text} {which} {ratio:.2f} of {want}"))
        least = 60 if c.ours.text == "korean" else 100
        if c.ours.cold < least:
            slow.append(f"{c.ours.tokenizer}/{c.ours.text} {c.ours.cold:.0f} of {least}")
        lines.append(line)
    lines.append(f"targets met: cold {met['cold']} and warm {met['warm']} of {len(table)} cells")
    if short:
        lines.append("farthest from it: " + "; ".join(text for _, text in sorted(short)[:8]))
    lines.append("cold under the least MB/s: " + ("; ".join(slow) or "none"))
    counted = {r.cell for r in rows if r.tool == ours}
    if refused := dict.fromkeys("/".join(r.cell) for r in rows if r.cell not in counted):
        lines.append("not counted by us: " + "; ".join(refused))
    for row in rows:
        one = [r for r in rows if r.cell == row.cell and r.tool == row.tool and r.version == row.version and r.threads == 1]
        if row.threads > 1 and row.tool == ours and one:
            lines.append(
                f"{row.tokenizer}/{row.text}: {row.threads} threads are {row.cold / one[0].cold:.2f} times one cold, "
                f"{row.warm / one[0].warm:.2f} warm (target for 2 cores: 1.9)"
            )
    for row in rows:
        if row.counts != "exact":
            lines.append(f"counts: {row.tool} {row.version} {row.tokenizer}/{row.text}: {row.counts} of {row.documents}")
    return "\n".join(lines)
