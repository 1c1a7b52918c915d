"""One measurement of one rival, in a process of its own: measure.py TOOL JOB

JOB is JSON: {"packages": folder that the tool was installed to, "tokenizer":
name, "file": its tokenizer.json, "ranks": its .tiktoken file or "", "docs":
file of documents, "limit": how many bytes of it to take or 0, "threads":
number, "counts": file to write}. The formats, and the JSON printed, are those
of ours/main.go and ours/measure.go. TOOL "reference" does not measure, but only
writes the counts of a version 0 of tokenizers.

A tool is a function from the job to (form, count): form makes what it likes
best from a list of bytes, and is not timed; count(what form made) does all the
work, is timed, and returns a function that makes the list of counts from what
came out, which is not: nobody is blamed for how Python takes a length. Each
uses its fastest documented call that tells a count for every document. Where
the call has no argument for threads, the caller sets RAYON_NUM_THREADS.
"""

import array
import ctypes
import hashlib
import importlib
import json
import resource
import struct
import sys
import time


def gigatoken(job):
    from gigatoken import Tokenizer
    from gigatoken.gigatoken_rs import BytesSource

    tokenizer = Tokenizer.from_json(read(job["file"]))
    parallel = job["threads"] > 1

    def joined(docs):  # a few percent faster than a list; 0xFF is in no UTF-8
        return BytesSource(b"\xff".join(docs), separator=b"\xff")

    def count(docs):
        ids = tokenizer.encode_batch(docs, parallel=parallel)  # an awkward Array
        return lambda: differences(ids.layout.offsets.data.tolist())

    try:
        count(joined([b"a"]))
    except ValueError:  # SentencePiece-style models want a separator that is UTF-8
        return list, count
    return joined, count


def fastokens(job):
    from fastokens import Tokenizer

    return strings, flat(Tokenizer.from_json_str(read(job["file"]).decode()))


def snaptokens(job):
    from snaptokens import Tokenizer

    return strings, flat(Tokenizer.from_json_str(read(job["file"]).decode()))


def flat(tokenizer):
    """encode_batch_flat: ids of four bytes, offsets of eight."""

    def count(docs):
        _, offsets = tokenizer.encode_batch_flat(docs, add_special_tokens=False)
        return lambda: differences(array.array("Q", offsets).tolist())

    return count


def tokenizers(job):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(job["file"])
    if hasattr(tokenizer, "encode_batch_fast"):  # 0.x
        tokenizer.no_truncation()
        tokenizer.no_padding()
        encode, options = tokenizer.encode_batch_fast, {}
    else:  # 1.x
        encode, options = tokenizer.encode_batch, {"truncation": None, "padding": None}

    def count(docs):
        encodings = encode(docs, add_special_tokens=False, **options)
        return lambda: [len(e) for e in encodings]

    return strings, count


def toktok(job):
    from toktok import batch_count

    encoding = {"cl100k": "cl100k_base", "o200k": "o200k_base"}.get(job["tokenizer"])
    if encoding is None:
        raise Refused("has only the encodings inside the package")

    def count(docs):
        counts = batch_count(docs, encoding, threads=job["threads"], with_special=True)
        return lambda: counts

    return strings, count


def tiktoken(job):
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tiktoken_ext import openai_public

    if not job["ranks"]:
        raise Refused("reads rank files only")
    openai_public.load_tiktoken_bpe = lambda *_, **__: load_tiktoken_bpe(job["ranks"])
    define = {"gpt2": "r50k_base", "cl100k": "cl100k_base", "o200k": "o200k_base"}[job["tokenizer"]]
    encoding = tiktoken.Encoding(**getattr(openai_public, define)())

    def count(docs):
        if job["threads"] == 1:
            ids = [encoding.encode_ordinary(d) for d in docs]
        else:
            ids = encoding.encode_ordinary_batch(docs, num_threads=job["threads"])
        return lambda: [len(i) for i in ids]

    return strings, count


def nanotoken(job):
    from nanotoken import Tokenizer

    tokenizer = Tokenizer.from_json(read(job["file"]))
    parallel = job["threads"] > 1

    def count(docs):
        ids = tokenizer.encode_batch(docs, add_special_tokens=False, parallel=parallel)
        return lambda: differences(ids.offsets.tolist())

    return list, count


def tokie(job):
    from tokie import Tokenizer

    tokenizer = Tokenizer.from_json(job["file"])

    def count(docs):
        counts = tokenizer.count_tokens_batch(docs)
        return lambda: counts

    return strings, count


TOOLS = {
    "gigatoken": gigatoken,
    "fastokens": fastokens,
    "snaptokens": snaptokens,
    "tokenizers": tokenizers,
    "toktok-rs": toktok,
    "tiktoken": tiktoken,
    "nanotoken": nanotoken,
    "tokie": tokie,
}
MODULES = {"toktok-rs": "toktok"}  # where it is not the name of the package


class Refused(Exception):
    """The tool does not count this tokenizer."""


def read(path):
    with open(path, "rb") as f:
        return f.read()


def differences(offsets):
    return [b - a for a, b in zip(offsets, offsets[1:])]


def documents(path, limit):
    """The first documents, up to limit bytes of text, or all for 0."""
    file, docs, at, size = read(path), [], 0, 0
    while at < len(file) and (not limit or size < limit):
        (length,) = struct.unpack_from("<I", file, at)
        docs.append(file[at + 4 : at + 4 + length])
        at += 4 + length
        size += length
    return docs


def strings(docs):
    utf8 = ctypes.pythonapi.PyUnicode_AsUTF8
    utf8.argtypes, utf8.restype = [ctypes.py_object], ctypes.c_void_p
    docs = [d.decode() for d in docs]
    for d in docs:
        utf8(d)  # a str keeps its UTF-8 once asked for it: no part of counting
    return docs


def packed(counts):
    return struct.pack(f"<{len(counts)}I", *counts)


def used():
    """Processor time in seconds, and the peak memory in 10**6 bytes."""
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime, u.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def measure(tool, job):
    importlib.import_module(MODULES.get(tool, tool))
    cpu, start = used()[0], time.perf_counter()
    try:
        form, count = TOOLS[tool](job)
        count(form([b"tokens"]))
    except KeyboardInterrupt:
        raise
    except BaseException as e:  # a panic of Rust is no Exception
        return {"refused": f"{type(e).__name__}: {e}".split("\n")[0][:200]}
    result = {"load_ms": (time.perf_counter() - start) * 1e3, "load_cpu_ms": (used()[0] - cpu) * 1e3}

    docs = documents(job["docs"], job["limit"])
    made = form(docs)
    passes = []
    for name in "cold", "warm":
        cpu, start = used()[0], time.perf_counter()
        make = count(made)
        result[name + "_s"] = time.perf_counter() - start
        result[name + "_cpu_s"] = used()[0] - cpu
        passes.append(make())
        del make
    counts, again = passes
    if counts != again:
        raise SystemExit(f"{tool}: the second pass counts otherwise than the first")
    with open(job["counts"], "wb") as f:
        f.write(packed(counts))
    return result | {
        "bytes": sum(map(len, docs)),
        "documents": len(counts),
        "total": sum(counts),
        "digest": hashlib.sha256(packed(counts)).hexdigest(),
        "peak_mb": used()[1],
    }


def reference(job):
    _, count = tokenizers(job)
    batch, size, counts = [], 0, []
    with open(job["counts"], "wb") as f:
        for d in documents(job["docs"], 0):
            batch.append(d.decode())
            size += len(d)
            if size > 1 << 20:  # its encodings take hundreds of times the text
                counts += count(batch)()
                batch, size = [], 0
        f.write(packed(counts + count(batch)()))


if __name__ == "__main__":
    name, job = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, job["packages"])
    if name == "reference":
        reference(job)
    else:
        print(json.dumps(measure(name, job)))
