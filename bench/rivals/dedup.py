"""The near-duplicate half of bench/rivals: what is measured, in which order, and
judged.

A cell is a corpus. A round goes through all of them; in a cell the tools are
measured one after the other, in another order each round, each in a fresh
process on one core. dedup.sh says how to call it.
"""

import argparse
import collections
import dataclasses
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import chart_dedup
import common
import record
import record_dedup
from common import HERE, HOME, OURS, OURS_PROGRAM, ROOT, call, load_average, name_of, ours

TALLYSTICK = os.environ.get("TALLYSTICK", "")  # an absolute path, from dedup.sh


@dataclasses.dataclass
class Corpus:
    file: str  # below the folder of the data, without .jsonl.zst
    mb: float = 0  # so much text of its head, in 10**6 bytes; 0: all of it
    pairs: str = ""  # its true pairs, below groundtruth
    language: str = "eng"  # for datatrove's splitter into words


# Families lie together in a corpus, so a part of it is its head.
CORPORA = {
    "revisions": Corpus("corpora/en-powershell-docs-history", 50),
    "prose": Corpus("corpora/en-eltec-novels", 50),
    "chinese": Corpus("corpora/zh-lctt-published", 24, language="zho"),
    "code": Corpus("corpora/code-c-linux-sample", 24),  # C
    "reviews": Corpus("corpora/ko-nsmc-reviews-300k", 12.5),  # tiny documents
    "edits": Corpus("groundtruth/synthetic-edits", pairs="synthetic-edits"),
    "extractors": Corpus("groundtruth/extractor-clusters", pairs="extractor-clusters"),
    "manuals": Corpus("corpora/en-powershell-docs", pairs="en-powershell-docs"),
    "tldr": Corpus("corpora/multi-tldr", pairs="multi-tldr"),
    "mail": Corpus("corpora/en-spamassassin-mail", pairs="en-spamassassin-mail"),
}
# How a tool is called; measure_dedup.py has the calls. {t} is the threshold.
SETTINGS = {
    "ours": "run --threshold {t} --tokenizer gpt2 --workers 1, then a copy of what is kept",
    "gaoya": "20 bands of 5, its words, 5-grams, threshold {t}; query, else insert",
    "rensa": "RMinHashDeduplicator, 128 slots, LSH, threshold {t}; 5-grams by us",
    "datasketch": "MinHashLSH, 256 permutations, threshold {t}; 5-grams by us; query, else insert",
    "text-dedup": "as in its README: 240 permutations, 5-grams, check_false_positive; threshold {t}",
    "text-dedup-default": "the same without check_false_positive, which is off unless asked for",
    "datatrove": "MinhashConfig(): 14 buckets of 8, 5-grams; no threshold",
}
# What is another use of the same installation.
VARIANTS = {"text-dedup-default": "text-dedup"}
# Far behind: measured once, for its speed on so much of a corpus. text-dedup
# takes seconds for any file, so it gets more.
SLOW = {"datasketch": 50, "text-dedup": 12.5, "text-dedup-default": 12.5, "datatrove": 5}
# Who reaches less than this share of the best rival's rate in the first round
# is left out of the others.
BEHIND = 0.6


def known():
    """The tools that are here, ours first, as NAME==VERSION."""
    here = {name_of(s): s for s in common.specs("dedup-requirements.txt") if common.folder(s).is_dir()}
    tools = [OURS] + list(here.values())
    for variant, of in VARIANTS.items():
        if of in here:
            tools.insert(tools.index(here[of]) + 1, here[of].replace(of, variant))
    return tools


def packages(tool):
    name, _, version = tool.partition("==")
    return common.folder(f"{VARIANTS.get(name, name)}=={version}")


def arguments():
    p = argparse.ArgumentParser(prog="bench/rivals/dedup.sh", description="Measures tallystick and its rivals in removing near-duplicates.")
    p.add_argument("--corpora", metavar="A,B", help="of " + ", ".join(CORPORA))
    p.add_argument("--tools", metavar="A,B", help="of " + ", ".join(SETTINGS))
    p.add_argument("--threshold", type=float, default=0.8, metavar="T", help="Jaccard, for the tools and for the judge; default 0.8")
    p.add_argument("--rounds", type=int, default=3, metavar="N", help="for speeds; default 3. What has ground truth is measured once")
    p.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: time of the processor over all threads: for a machine that is not quiet")
    p.add_argument("--minutes", type=float, default=30, metavar="N", help="ends a tool that takes longer on a corpus; default 30")
    p.add_argument("--reuse", action="store_true", help="take the slow tools' measurements from an earlier run on this machine, if it has them; the record says so")
    p.add_argument("--quick", action="store_true", help="do not run the slow tools; with --reuse, what is known of them is there all the same")
    p.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", metavar="FOLDER")
    p.add_argument("--record", action="store_true", help="keep the results in bench/rivals/results; else they are build/rivals/last-dedup.{csv,svg}")
    p.add_argument("--floor", action="store_true", help="compare with the rivals and the targets")
    p.add_argument("--table", action="store_true", help="print the results as tables in Markdown")
    p.add_argument("--from", dest="source", type=pathlib.Path, metavar="CSV", help="measure nothing; take an earlier record, and draw its chart anew")
    a = p.parse_args()

    def chosen(given, names, what):
        asked = list(names) if given is None else given.split(",")
        for n in asked:
            if n not in names:
                p.error(f"{what} {n}: want of {', '.join(names)}")
        return asked

    a.corpora = chosen(a.corpora, CORPORA, "corpus")
    names = {name_of(t): t for t in known()}
    a.tools = [names[n] for n in chosen(a.tools, names, "tool")]
    return a


class Bench:
    def __init__(self, a):
        self.a = a
        self.samples = collections.defaultdict(list)  # (corpus, tool): measurements
        self.failures = {}  # (tool, corpus): why
        self.reused = {}  # (tool, corpus): when it was measured

    # What is made once and kept.

    def file(self, corpus, mb):
        c = CORPORA[corpus]
        path = HOME / "dedup" / f"{corpus}-{mb:g}mb.jsonl" if mb else HOME / "dedup" / f"{corpus}.jsonl"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            ours("head", self.a.data / f"{c.file}.jsonl.zst", int(mb * 1e6), path)
        return path

    def pairs_file(self, corpus):
        path = HOME / "dedup" / f"{corpus}.pairs"
        if not path.exists():
            part = path.with_suffix(f".part{os.getpid()}")
            ours("unpack", self.a.data / "groundtruth" / f"{CORPORA[corpus].pairs}.pairs-w5.tsv.zst", part)
            part.rename(path)
        return path

    # One measurement.

    def measure(self, corpus, tool):
        slow = name_of(tool) in SLOW
        mb = CORPORA[corpus].mb
        source = self.file(corpus, min(mb, SLOW.get(name_of(tool), mb)))
        saved = HOME / "dedup" / f"{tool}-{source.stem}-{self.a.threshold:g}.json"
        if slow and self.a.reuse and saved.exists():
            m = json.loads(saved.read_text())
            self.reused[tool, corpus] = m["date"]
            return m
        if slow and self.a.quick:
            return None
        with tempfile.TemporaryDirectory(dir=HOME) as work:
            kept = pathlib.Path(work) / "kept"
            work = pathlib.Path(work) / "work"
            work.mkdir()
            job = {
                "packages": packages(tool) if tool != OURS else "", "input": source, "kept": kept, "work": work,
                "threshold": self.a.threshold, "language": CORPORA[corpus].language,
                "tallystick": TALLYSTICK, "ours": OURS_PROGRAM,
            }  # fmt: skip
            script = [sys.executable, "-s", HERE / "measure_dedup.py", name_of(tool), json.dumps(job, default=str)]
            with open(HOME / "dedup" / f"{tool}.log", "w") as log:  # they talk a lot
                m = json.loads(call(script, 1, timeout=self.a.minutes * 60, stderr=log))
        m |= read(source) | {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        if slow:
            saved.write_text(json.dumps(m))
        return m

    # All of them.

    def jobs(self, round_number):
        for corpus in self.a.corpora:
            judged = bool(CORPORA[corpus].pairs)
            if round_number and judged:
                continue
            tools = [t for t in self.a.tools if round_number == 0 or name_of(t) not in SLOW]
            tools = [t for t in tools if judged or name_of(t) not in VARIANTS]  # as fast as what it is a variant of
            if round_number % 2:
                tools.reverse()
            shift = (round_number // 2) % max(1, len(tools))
            yield from ((corpus, t) for t in tools[shift:] + tools[:shift])

    def measure_all(self):
        for r in range(self.a.rounds):
            cell = None
            for corpus, tool in self.jobs(r):
                if (tool, corpus) in self.failures or r > 0 and self.behind(corpus, tool):
                    continue
                if cell != (cell := corpus):
                    print(f"round {r + 1}: {corpus}", flush=True)
                try:
                    m = self.measure(corpus, tool)
                except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as e:
                    late = isinstance(e, subprocess.TimeoutExpired)
                    self.failures[tool, corpus] = f"not done in {self.a.minutes:g} minutes" if late else f"ended with {e.returncode}"
                    print(f"  {tool}: {self.failures[tool, corpus]}; see {HOME}/dedup/{tool}.log", flush=True)
                    continue
                if m is None:
                    continue
                before = self.samples[corpus, tool]
                if before and before[0]["dropped"] != m["dropped"]:
                    print(f"  {tool} drops others than in the first round")
                before.append(m)
                print(f"  {tool:28}{self.rate(m):8.2f} MB/s{m['peak_mb']:8.0f} MB{len(m['dropped']):8} of {m['documents']} dropped", flush=True)

    def rate(self, m):
        return m["bytes"] / 1e6 / max(m["cpu_s" if self.a.clock == "cpu" else "wall_s"], 1e-9)

    def behind(self, corpus, tool):
        first = {t: self.rate(self.samples[corpus, t][0]) for t in self.a.tools if t != OURS and (corpus, t) in self.samples}
        return tool in first and first[tool] < BEHIND * max(first.values())

    def rows(self):
        done = [(c, t) for c in CORPORA for t in self.a.tools if (c, t) in self.samples]
        for corpus, tool in done:
            ms = self.samples[corpus, tool]
            m, rates = ms[0], [self.rate(m) for m in ms]
            name, _, version = tool.partition("==")
            judged = [0, 0.0, 0, 0]
            if CORPORA[corpus].pairs:
                true = truth(self.file(corpus, 0), self.pairs_file(corpus), self.a.threshold - 0.1)
                pairs, found, wrong = judge(m["dropped"], true, self.a.threshold)
                _, _, far = judge(m["dropped"], true, self.a.threshold - 0.1)
                judged = [pairs, found / pairs, wrong, far]
            yield record_dedup.Row(
                corpus, name, version, self.a.threshold, m["bytes"], m["documents"], len(ms),
                statistics.median(rates), min(rates), max(rates), max(m["peak_mb"] for m in ms), len(m["dropped"]), *judged,
            )  # fmt: skip

    def header(self, load_before):
        head = common.header(self.a.clock, load_before) | {"threshold": f"{self.a.threshold:g}"}
        head |= {f"settings, {name_of(t)}": SETTINGS[name_of(t)].format(t=f"{self.a.threshold:g}") for t in self.a.tools}
        notes = [(f"left out, {tool}", f"{corpus}: {why}") for (tool, corpus), why in self.failures.items()]
        notes += [(f"of an earlier run, {tool}", f"{corpus}: {date}") for (tool, corpus), date in self.reused.items()]
        return list(head.items()) + notes


def read(path):
    """How many documents a file has, and bytes of text."""
    documents = size = 0
    with open(path, "rb") as f:
        for line in f:
            documents += 1
            size += len(json.loads(line)["text"].encode())
    return {"documents": documents, "bytes": size}


def truth(source, pairs, least):
    """{(line, line): Jaccard in millionths}, from least up: the pairs of an
    independent program, and texts that are equal byte for byte."""
    lines, equal, out = {}, collections.defaultdict(list), {}
    with open(source, "rb") as f:
        for n, line in enumerate(f):
            d = json.loads(line)
            lines[d["id"]] = n
            equal[hashlib.sha256(d["text"].encode()).digest()].append(n)
    with open(pairs) as f:
        for line in f:
            a, b, jaccard = line.rstrip("\n").split("\t")
            if (millionths := int(jaccard.replace(".", ""))) >= round(least * 1e6):
                a, b = sorted((lines[a], lines[b]))
                out[a, b] = millionths
    for group in equal.values():
        out |= {(a, b): 1_000_000 for i, b in enumerate(group) for a in group[:i]}
    return out


def judge(dropped, true, threshold):
    """Of the true pairs from the threshold up: how many there are, and of how
    many at least one document is dropped; and how many dropped documents have
    no such pair with a document that is kept."""
    dropped, witnessed = set(dropped), set()
    pairs = found = 0
    for pair, millionths in true.items():
        if millionths < round(threshold * 1e6):
            continue
        pairs += 1
        gone = dropped.intersection(pair)
        found += bool(gone)
        if len(gone) == 1:
            witnessed |= gone
    return pairs, found, len(dropped - witnessed)


def main():
    a = arguments()
    if a.source:
        head, rows = record.read(a.source, record_dedup.Row)
        a.source.with_suffix(".svg").write_text(chart_dedup.draw(head, rows))
    else:
        if not a.data.is_dir():
            print(f"NOTICE: skipped: no reference data in {a.data}")
            return
        bench = Bench(a)
        load_before = load_average()
        try:
            bench.measure_all()
        except KeyboardInterrupt:
            print("interrupted: what is there is kept, but not recorded")
            a.record = False
        rows, head = list(bench.rows()), bench.header(load_before)
        out = common.out(dict(head), a.record, "-dedup")
        record.write(f"{out}.csv", head, rows, record_dedup.Row)
        pathlib.Path(f"{out}.svg").write_text(chart_dedup.draw(head, rows))
        print(f"wrote {out}.csv and .svg")
    if a.table:
        print(record_dedup.table(rows))
    if a.floor:
        print(record_dedup.floor(rows, OURS))
    if any(r.tool == OURS and r.wrongful for r in rows):
        sys.exit("we dropped documents wrongly")


if __name__ == "__main__":
    main()
