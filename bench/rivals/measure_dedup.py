"""One measurement of one tool, in a process of its own: measure_dedup.py TOOL JOB

JOB is JSON: {"packages": folder that the tool was installed to, "input": JSONL
file, "kept": JSONL file to write, "work": empty folder, "threshold": 0.8,
"language": three letters, "tallystick", "ours": programs}. Prints JSON: seconds
of wall clock ("wall_s") and of the processor ("cpu_s"), the peak of memory in
10**6 bytes ("peak_mb"), and the zero-based numbers of the lines it drops
("dropped").

A tool is a function from the job to a function that does the whole job: reads
the file, decides, writes what is kept. That is timed; importing the tool is not
(of ours, which is a program, everything is). It returns the dropped lines, or a
function that finds them out and is not timed.

The libraries get the 5-grams of the words of rule w5-v1, but for rare
characters; those that split texts themselves do it their own way.
"""

import contextlib
import itertools
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time


def ours(job):
    """The command as it is, with a copy of what it keeps: it writes none."""

    def run():
        out = job["work"] + "/run"
        command = [job["tallystick"], "run", job["input"], "--out", out, "--threshold", str(job["threshold"])]
        subprocess.run([*command, "--tokenizer", "gpt2", "--workers", "1", "--quiet"], check=True)
        lines = subprocess.run([job["ours"], "kept", out, job["input"], job["kept"]], check=True, stdout=subprocess.PIPE).stdout
        return lambda: json.loads(lines)

    return run


def gaoya(job):
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(
        hash_size=32, jaccard_threshold=job["threshold"], num_bands=20, band_size=5, num_hashes=100,
        analyzer="word", lowercase=True, ngram_range=(5, 5),
    )  # fmt: skip

    def keep(first, texts):
        for n, text in enumerate(texts, first):
            if index.query(text):
                yield False
            else:
                index.insert_document(n, text)
                yield True

    return lambda: copied(job, keep)


def rensa(job):
    from rensa import RMinHashDeduplicator

    seen = RMinHashDeduplicator(threshold=job["threshold"], num_perm=128, use_lsh=True)

    def keep(first, texts):
        return seen.add_pairs((str(n), shingles(text)) for n, text in enumerate(texts, first))

    return lambda: copied(job, keep)


def datasketch(job):
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=job["threshold"], num_perm=256)

    def keep(first, texts):
        for n, text in enumerate(texts, first):
            sketch = MinHash(num_perm=256)
            sketch.update_batch([s.encode() for s in set(shingles(text))])
            if lsh.query(sketch):
                yield False
            else:
                lsh.insert(n, sketch)
                yield True

    return lambda: copied(job, keep)


def text_dedup(job, verify=True):
    """As its README shows it, check included, but for the threshold. The result
    is in the format of datasets, whose reader guesses the type of every column
    and then fails on dates that some lines lack: it gets ids and texts alone."""
    import datasets
    from text_dedup.config.base import load_config_from_toml
    from text_dedup.minhash import main

    source = pathlib.Path(job["work"]) / "texts.jsonl"
    with open(job["input"], "rb") as lines, open(source, "w") as out:
        for line in lines:
            d = json.loads(line)
            print(json.dumps({"id": d["id"], "text": d["text"]}), file=out)
    config = source.with_name("config.toml")
    config.write_text(f"""
[input]
input_type = "local_files"
file_type = "json"
[input.read_arguments]
path = "json"
data_files = "{source}"
split = "train"
cache_dir = "{job["work"]}/cache"
[algorithm]
algorithm_name = "minhash"
text_column = "text"
seed = 42
batch_size = 10000
num_perm = 240
threshold = {job["threshold"]}
hash_bits = 64
ngram_size = 5
check_false_positive = {str(verify).lower()}
num_proc = 1
[output]
output_dir = "{job["kept"]}"
[debug]
enable_profiling = false
""")

    def run():
        main(load_config_from_toml(config))
        return lambda: missing(job, datasets.load_from_disk(job["kept"])["id"])

    return run


def text_dedup_default(job):
    """Without the check, which is off unless asked for."""
    return text_dedup(job, verify=False)


def datatrove(job):
    """The four stages of its example, on one machine."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter
    from loguru import logger

    logger.remove()
    config, work = MinhashConfig(), job["work"]
    source = pathlib.Path(job["input"])

    def read():
        return JsonlReader(str(source.parent), glob_pattern=source.name, compression=None)

    stages = [
        (1, [read(), MinhashDedupSignature(work + "/signatures", config, language=job["language"])]),
        (config.num_buckets, [MinhashDedupBuckets(work + "/signatures", work + "/buckets", config=config)]),
        (1, [MinhashDedupCluster(work + "/buckets", work + "/remove", config=config)]),
        (1, [read(), MinhashDedupFilter(work + "/remove"), JsonlWriter(work + "/out", "kept.jsonl", compression=None)]),
    ]

    def run():
        for n, (tasks, pipeline) in enumerate(stages):
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=f"{work}/logs/{n}").run()
        return kept

    def kept():
        with open(work + "/out/kept.jsonl", "rb") as f:
            return missing(job, [json.loads(line)["id"] for line in f])

    return run


TOOLS = {
    "ours": ours,
    "gaoya": gaoya,
    "rensa": rensa,
    "datasketch": datasketch,
    "text-dedup": text_dedup,
    "text-dedup-default": text_dedup_default,
    "datatrove": datatrove,
}

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(f"[{CJK}]|[^\\W_{CJK}]+")


def shingles(text):
    w = WORD.findall(text.lower())
    if len(w) < 5:
        return [" ".join(w) or text]
    return list(map(" ".join, zip(w, w[1:], w[2:], w[3:], w[4:])))


def copied(job, keep, batch=1000):
    """Copies the lines of the texts that keep, called with the number of the
    first of a batch and its texts, is true for. Returns the numbers of others."""
    from orjson import loads

    dropped, first = [], 0
    with open(job["input"], "rb") as source, open(job["kept"], "wb") as out:
        while lines := list(itertools.islice(source, batch)):
            for n, kept in enumerate(keep(first, [loads(line)["text"] for line in lines])):
                if kept:
                    out.write(lines[n])
                else:
                    dropped.append(first + n)
            first += len(lines)
    return lambda: dropped


def missing(job, kept):
    """The numbers of the lines whose id is not in kept."""
    kept = set(kept)
    with open(job["input"], "rb") as f:
        return [n for n, line in enumerate(f) if json.loads(line)["id"] not in kept]


def processor():
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def peak(tool):
    """The most memory of a process of the tool, in 10**6 bytes. What getrusage
    says of the process itself includes that of its parent before exec."""
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    if tool == "ours":
        return children / 1e6
    self = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    with contextlib.suppress(OSError):
        status = pathlib.Path("/proc/self/status").read_text()
        self = int(re.search(r"VmHWM:\s*(\d+)", status)[1]) * 1024
    return max(self, children) / 1e6


def measure(tool, job):
    run = TOOLS[tool](job)
    cpu, start = processor(), time.perf_counter()
    dropped = run()
    result = {"wall_s": time.perf_counter() - start, "cpu_s": processor() - cpu, "peak_mb": peak(tool)}
    return result | {"dropped": dropped()}


if __name__ == "__main__":
    name, job = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, job["packages"])
    os.environ["PYTHONPATH"] = job["packages"]  # for processes that a tool starts
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": job["work"] + "/hf"}  # nothing is fetched, nothing stays
    with contextlib.redirect_stdout(sys.stderr):  # some tools talk
        answer = measure(name, job)
    print(json.dumps(answer))
