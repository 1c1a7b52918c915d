"""The matrix of bench/rivals: what is measured, in which order, and checked.

A cell is a tokenizer, a text and a number of threads. A round goes through all
cells; in a cell the contenders are measured one after the other, in another
order each round, each in a fresh process, pinned to its cores. run.sh says how
to call it.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import chart
import common
import record
from common import HERE, HOME, OURS, OURS_PROGRAM, ROOT, call, load_average, name_of, ours

# name: corpus, and how much of it in 10**6 bytes
TEXTS = {
    "prose": ("en-eltec-novels", 30),
    "technical": ("en-powershell-docs", 30),
    "code": ("code-c-linux-sample", 30),  # C
    "russian": ("ru-phpdoc", 16),
    "korean": ("ko-nsmc-reviews-300k", 16),  # tiny documents
    "japanese": ("ja-phpdoc", 16),  # all of it, 10
    "chinese": ("zh-lctt-published", 16),
}
# name: tokenizer.json, rank file
TOKENIZERS = {
    "gpt2": ("gpt2", "r50k_base"),
    "cl100k": ("gpt35turbo", "cl100k_base"),
    "o200k": ("gpt4o", "o200k_base"),
    "llama3": ("llama3", ""),
    "qwen3": ("qwen3", ""),
    "deepseek_v3": ("deepseek_v3", ""),
    "mistral_nemo": ("mistral_nemo", ""),
    "llama2": ("llama2", ""),
    "gemma3": ("gemma3", ""),
    "bert-base-uncased": ("bert-base-uncased", ""),
    "t5": ("t5", ""),
}
BYTE_LEVEL = list(TOKENIZERS)[:7]
REFERENCE = "tokenizers==0.22.2"
# Everybody is asked for everything but what it was seen never to win or to
# refuse: tokie is 3 to 5 times slower than others on byte-level BPE.
ONLY = {
    "toktok-rs": ["cl100k", "o200k"],
    "nanotoken": ["bert-base-uncased"],
    "tokie": ["llama2", "gemma3", "bert-base-uncased", "t5"],
}
# Far behind: measured with --tools all, once, on the first megabyte.
SLOW = ["tiktoken==0.14.0", "tokenizers==0.23.3"]
SLOW_BYTES = 1_000_000
# Who reaches this share of the best rival's rate in neither pass of the first
# round cannot be the best, and is left out of the other rounds of the cell.
BEHIND = 0.6


def installed():
    """The tools that are here, ours first, without the reference."""
    return [OURS] + [s for s in common.specs("requirements.txt") if s != REFERENCE and common.folder(s).is_dir()]


def arguments():
    p = argparse.ArgumentParser(prog="bench/rivals/run.sh", description="Measures our counting engine and its rivals.")
    p.add_argument("--tokenizers", metavar="A,B", help="of " + ", ".join(TOKENIZERS))
    p.add_argument("--texts", metavar="A,B", help="of " + ", ".join(TEXTS))
    p.add_argument("--tools", metavar="A,B", help="NAME or NAME==VERSION of requirements.txt, ours, all; default all but the slow ones")
    p.add_argument("--rounds", type=int, default=3, metavar="N", help="default 3")
    p.add_argument("--threads", default="1", metavar="N,M", help="default 1; all is the number of cores")
    p.add_argument("--scale", metavar="A,B", help="the tokenizers that are measured with more than one thread; default every one")
    p.add_argument("--mb", type=float, metavar="N", help="text of a cell in 10**6 bytes; default 30 of English and C, 16 of the others")
    p.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: time of the processor over all threads, divided by their number: for a machine that is not quiet; says nothing of threads that wait")
    p.add_argument("--with", dest="wrap", default="", metavar="COMMAND", help="puts COMMAND before every measured process")
    p.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", metavar="FOLDER")
    p.add_argument("--prepare", action="store_true", help="make texts and reference counts, measure nothing")
    p.add_argument("--record", action="store_true", help="keep the results in bench/rivals/results; else they are build/rivals/last.{csv,svg}")
    p.add_argument("--floor", action="store_true", help="compare with the best rival of each cell and the targets")
    p.add_argument("--table", action="store_true", help="print the results as a table in Markdown")
    p.add_argument("--from", dest="source", type=pathlib.Path, metavar="CSV", help="measure nothing; take an earlier record, and draw its chart anew")
    a = p.parse_args()

    def chosen(given, known, what):
        names = list(known) if given is None else given.split(",")
        for n in names:
            if n not in known:
                p.error(f"{what} {n}: want of {', '.join(known)}")
        return names

    a.tokenizers = chosen(a.tokenizers, TOKENIZERS, "tokenizer")
    a.texts = chosen(a.texts, TEXTS, "text")
    a.scale = chosen(a.scale, TOKENIZERS, "tokenizer")
    a.threads = [os.cpu_count() if t == "all" else int(t) for t in a.threads.split(",")]
    if a.tools is None:
        a.tools = [t for t in installed() if t not in SLOW]
    elif a.tools == "all":
        a.tools = installed()
    else:
        asked = a.tools.split(",")
        known = installed()
        for t in asked:
            if not any(t in (k, name_of(k)) for k in known):
                p.error(f"tool {t}: want of {', '.join(known)}")
        a.tools = [k for k in known if k in asked or name_of(k) in asked]
    return a


class Refused(Exception):
    pass


class Bench:
    def __init__(self, a):
        self.a = a
        self.samples = collections.defaultdict(list)  # (tokenizer, text, threads, tool): measurements
        self.refusals = {}  # (tool, tokenizer): why
        self.patched = set()  # (tool, tokenizer) that need the patched file
        self.wrong = {}  # key of samples: documents with another count

    # What is made once and kept.

    def docs(self, text):
        """The file of a text's documents."""
        corpus, mb = TEXTS[text]
        mb = self.a.mb or mb
        path = HOME / f"texts-{mb:g}mb" / f"{text}.docs"
        if not path.exists():
            print(f"making text: {text}", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            ours("texts", self.a.data / "corpora", int(mb * 1e6), path.parent, f"{text}={corpus}")
        return path

    def unpacked(self, name):
        path = HOME / "tokenizers" / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            ours("unpack", self.a.data / "tokenizers" / f"{name}.zst", path)
        return path

    def patched_file(self, name):
        """The tokenizer.json with its gaps between ids filled by entries that no
        text has, and the model's type named; some rivals refuse it otherwise."""
        path = HOME / "tokenizers" / f"{name}.patched.json"
        if not path.exists():
            config = json.loads(self.unpacked(f"{name}.json").read_bytes())
            model = config["model"]
            if isinstance(vocab := model["vocab"], dict):
                for t in config["added_tokens"]:
                    vocab.setdefault(t["content"], t["id"])
                used = set(vocab.values())
                vocab |= {f"no token {i}": i for i in range(max(used)) if i not in used}
            if "type" not in model:
                model["type"] = "BPE" if "merges" in model else "WordPiece" if "continuing_subword_prefix" in model else "Unigram"
            path.write_text(json.dumps(config))
        return path

    def expected(self, tokenizer, text):
        """The file of the reference's counts."""
        file, docs = self.unpacked(f"{TOKENIZERS[tokenizer][0]}.json"), self.docs(text)
        key = hashlib.sha256(file.read_bytes() + docs.read_bytes() + REFERENCE.encode()).hexdigest()[:16]
        path = HOME / "expected" / f"{tokenizer}-{text}-{key}.counts"
        if not path.exists():
            if not (HOME / "tools" / REFERENCE).is_dir():
                sys.exit(f"NOTICE: skipped: counts cannot be checked without {REFERENCE}")
            path.parent.mkdir(exist_ok=True)
            print(f"reference: {tokenizer} {text}", flush=True)
            part = path.with_suffix(f".part{os.getpid()}")
            call(python("reference", {"packages": HOME / "tools" / REFERENCE, "file": file, "docs": docs, "counts": part}))
            part.rename(path)
        return path

    def prepare(self):
        self.want = {(k, t): self.expected(k, t).read_bytes() for k in self.a.tokenizers for t in self.a.texts}

    # One measurement.

    def run(self, tool, tokenizer, text, threads, patched):
        """Returns the measurement and the file of counts."""
        config, ranks = TOKENIZERS[tokenizer]
        file = self.patched_file(config) if patched else self.unpacked(f"{config}.json")
        docs = self.docs(text)
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            counts = pathlib.Path(folder) / "counts"
            if tool == OURS:
                command = [OURS_PROGRAM, "count", file, docs, threads, counts]
            else:
                command = python(name_of(tool), {
                    "packages": HOME / "tools" / tool, "tokenizer": tokenizer, "file": file, "docs": docs,
                    "ranks": self.unpacked(f"{ranks}.tiktoken") if ranks else "",
                    "limit": SLOW_BYTES if tool in SLOW else 0, "threads": threads, "counts": counts,
                })  # fmt: skip
            m = json.loads(call([*self.a.wrap.split(), *command], threads))
            if m.get("refused"):
                raise Refused(m["refused"])
            return m, counts.read_bytes()

    def measure(self, tool, tokenizer, text, threads):
        key = tokenizer, text, threads, tool
        try:
            m, counts = self.run(tool, tokenizer, text, threads, (tool, tokenizer) in self.patched)
        except Refused as first:
            if tool == OURS or (tool, tokenizer) in self.patched:
                raise
            try:
                m, counts = self.run(tool, tokenizer, text, threads, True)
            except Refused:
                raise first from None
            self.patched.add((tool, tokenizer))
        want = self.want[tokenizer, text][: len(counts)]
        differ = sum(counts[i : i + 4] != want[i : i + 4] for i in range(0, len(counts), 4)) if counts != want else 0
        if differ and key not in self.wrong:
            print(f"  {tool} counts {differ} of {m['documents']} documents of {text} otherwise than the reference for {tokenizer}")
        self.wrong[key] = differ
        self.samples[key].append(m)
        return m

    # All of them.

    def jobs(self, round_number):
        for tokenizer in self.a.tokenizers:
            tools = [t for t in self.a.tools if tokenizer in ONLY.get(name_of(t), [tokenizer]) and (round_number == 0 or t not in SLOW)]
            if round_number % 2:
                tools.reverse()
            shift = (round_number // 2) % max(1, len(tools))
            for text in self.a.texts:
                for threads in self.a.threads:
                    if threads == 1 or tokenizer in self.a.scale:
                        yield from ((t, tokenizer, text, threads) for t in tools[shift:] + tools[:shift])

    def measure_all(self):
        start, total = time.time(), sum(len(list(self.jobs(r))) for r in range(self.a.rounds))
        done = 0
        for r in range(self.a.rounds):
            cell = None
            for tool, tokenizer, text, threads in self.jobs(r):
                done += 1
                if (tool, tokenizer) in self.refusals or r > 0 and self.behind(tool, tokenizer, text, threads):
                    continue
                if cell != (cell := (tokenizer, text, threads)):
                    left = (time.time() - start) / done * (total - done) / 60
                    print(f"round {r + 1}: {tokenizer} {text}, {threads} threads ({left:.0f} minutes left)", flush=True)
                try:
                    m = self.measure(tool, tokenizer, text, threads)
                except Refused as e:
                    self.refusals[tool, tokenizer] = str(e)
                    print(f"  {tool} refuses {tokenizer}: {e}")
                except subprocess.CalledProcessError as e:
                    self.refusals[tool, tokenizer] = f"ended with {e.returncode}"
                    print(f"  {tool} ended with {e.returncode} on {tokenizer} {text}")
                else:
                    print(f"  {tool:24}{self.rate(m, 'cold', threads):8.1f} cold{self.rate(m, 'warm', threads):8.1f} warm MB/s{self.load_ms(m):8.0f} ms load", flush=True)

    def rate(self, m, which, threads):
        seconds = m[which + "_cpu_s"] / threads if self.a.clock == "cpu" else m[which + "_s"]
        return m["bytes"] / 1e6 / max(seconds, 1e-9)

    def load_ms(self, m):
        return m["load_cpu_ms" if self.a.clock == "cpu" else "load_ms"]

    def behind(self, tool, *cell):
        """Whether a rival is out of the race of the cell after a round."""
        first = {t: self.samples[*cell, t][0] for t in self.a.tools if t != OURS and (*cell, t) in self.samples}
        if tool not in first:
            return False
        right = [t for t in first if not self.wrong[*cell, t]]
        for which in "cold", "warm":
            rates = {t: self.rate(m, which, cell[2]) for t, m in first.items()}
            if rates[tool] >= BEHIND * max((rates[t] for t in right), default=0):
                return False
        return True

    def rows(self):
        for (tokenizer, text, threads, tool), ms in self.samples.items():
            cold, warm = ([self.rate(m, w, threads) for m in ms] for w in ("cold", "warm"))
            name, _, version = tool.partition("==")
            wrong = self.wrong[tokenizer, text, threads, tool]
            yield record.Row(
                tokenizer, text, name, version, threads, ms[0]["bytes"], ms[0]["documents"], ms[0]["total"], len(ms),
                statistics.median(map(self.load_ms, ms)),
                statistics.median(cold), min(cold), max(cold), statistics.median(warm), min(warm), max(warm),
                max(m["peak_mb"] for m in ms),
                f"{wrong} documents wrong" if wrong else "exact",
                "patched" if (tool, tokenizer) in self.patched else "as is",
            )  # fmt: skip

    def header(self, load_before):
        head = common.header(self.a.clock, load_before) | {"counts held to": REFERENCE}
        refused = [(f"left out, {tool}", f"{tokenizer}: {why}") for (tool, tokenizer), why in self.refusals.items()]
        return list(head.items()) + refused


def python(tool, job):
    return [sys.executable, "-s", HERE / "measure.py", tool, json.dumps(job, default=str)]


def main():
    a = arguments()
    if a.source:
        head, rows = record.read(a.source, record.Row)
        a.source.with_suffix(".svg").write_text(chart.draw(head, rows))
    else:
        if not a.data.is_dir():
            print(f"NOTICE: skipped: no reference data in {a.data}")
            return
        bench = Bench(a)
        bench.prepare()
        if a.prepare:
            return
        load_before = load_average()
        try:
            bench.measure_all()
        except KeyboardInterrupt:
            print("interrupted: what is there is kept, but not recorded")
            a.record = False
        rows, head = list(bench.rows()), bench.header(load_before)
        out = common.out(dict(head), a.record)
        record.write(f"{out}.csv", head, rows, record.Row)
        pathlib.Path(f"{out}.svg").write_text(chart.draw(head, rows))
        print(f"wrote {out}.csv and .svg")
    if a.floor:
        print(record.floor(rows, BYTE_LEVEL, OURS))
    if a.table:
        print(record.table(rows, OURS))
    if any(r.tool == OURS and r.counts != "exact" for r in rows):
        sys.exit("our own counts are wrong")


if __name__ == "__main__":
    main()
