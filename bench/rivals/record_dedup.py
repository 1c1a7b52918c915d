"""The results of dedup.py, as tables and as a standing to the targets."""

import dataclasses


@dataclasses.dataclass
class Row:
    """A tool on a corpus. Rates are medians of the rounds, in 10**6 bytes of
    text a second; min and max are the slowest and the fastest round."""

    corpus: str
    tool: str
    version: str
    threshold: float
    bytes: int
    documents: int
    rounds: int
    rate: float
    rate_min: float
    rate_max: float
    peak_mb: float  # memory of the process
    dropped: int
    pairs: int  # with a true Jaccard from the threshold up; 0: nobody knows, nor what follows
    recall: float  # share of them of which a document is dropped
    wrongful: int  # dropped documents without a kept one at the threshold
    far: int  # the same at 0.1 below the threshold


# What we are to reach, in MB/s.
RATES = {"revisions": 135, "prose": 200, "code": 200, "chinese": 80, "reviews": 80}
TIMES_DATATROVE = 400
RECALL = 0.99


def tools_of(rows):
    """The tools in the order of their rows, those on most corpora first."""
    names = [r.tool for r in rows]
    return sorted(dict.fromkeys(names), key=names.count, reverse=True)


def short(value):
    return f"{float(f'{value:.2g}'):g}" if value < 10 else f"{value:.0f}"


def share(part, whole):
    return "0" if not part else f"{part / whole:.1%}" if part / whole < 0.1 else f"{part / whole:.0%}"


def table(rows):
    """Two tables in Markdown: how fast, and how well."""
    tools = tools_of(rows)
    cells = {(r.corpus, r.tool): r for r in rows}
    out = []
    for judged, what in (False, lambda r: f"{short(r.rate)} ({r.peak_mb:.0f})"), (True, quality):
        corpora = list(dict.fromkeys(r.corpus for r in rows if bool(r.pairs) == judged))
        if corpora:
            out += ["| |" + "".join(f" {c} |" for c in corpora), "|---" * (len(corpora) + 1) + "|"]
            for t in tools:
                out.append(f"| {t} |" + "".join(f" {what(cells[c, t]) if (c, t) in cells else '–'} |" for c in corpora))
            out.append("")
    return "\n".join(out)


def quality(r):
    return f"{r.recall:.3f}; {share(r.wrongful, r.dropped)}; {share(r.far, r.dropped)}"


def floor(rows, ours):
    """Our standing, as text."""
    lines = []
    for mine in (r for r in rows if r.tool == ours):
        rivals = [r for r in rows if r.corpus == mine.corpus and r.tool != ours]
        line = f"{mine.corpus:12}"
        if want := RATES.get(mine.corpus):
            line += f"{mine.rate:7.0f} MB/s of {want}{'' if mine.rate >= want else ' !'}"
        else:
            line += f"{mine.rate:7.0f} MB/s"
        if rivals:
            best = max(rivals, key=lambda r: r.rate)
            line += f", {mine.rate / best.rate:.1f} times {best.tool} {short(best.rate)}"
        for r in rivals:
            if r.tool == "datatrove":
                times = mine.rate / r.rate
                line += f", {times:.0f} times datatrove of {TIMES_DATATROVE}{'' if times >= TIMES_DATATROVE else ' !'}"
        if mine.pairs:
            line += f"; recall {mine.recall:.4f} of {RECALL}{'' if mine.recall >= RECALL else ' !'}"
            line += f", {mine.wrongful} wrongful of 0{' !' if mine.wrongful else ''}"
        lines.append(line)
    return "\n".join(lines)
