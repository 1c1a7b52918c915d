#!/usr/bin/env python3
"""Makes testdata/corpus from the larger corpora in ../shared/data/corpora.

A deterministic choice of whole lines, in their original order and unchanged,
small enough to bundle and rich enough to show every class: chains of
revisions by many authors, the same page under several systems, four scripts,
long prose, thousands of tiny reviews. Licences: testdata/README.md.

Usage: testdata/make_corpus.py [SOURCE_FOLDER]; needs zstd on the PATH.
The compressed bytes depend on the versions of zlib and zstd, the lines do not.
"""

import gzip
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent.parent / "shared/data/corpora"
TARGET = HERE / "corpus"

POWERSHELL_PAGES = {
    "PowerShell-Docs/reference/module/index.md",
    "PowerShell-Docs/reference/docs-conceptual/install/install-rhel.md",
    "PowerShell-Docs/reference/docs-conceptual/install/install-ubuntu.md",
}
# Every revision of these says that the document is in the public domain.
PEPS = {"peps/pep-0291.txt", "peps/pep-0619.rst", "peps/peps/pep-0719.rst", "peps/pep-8100.rst"}
TLDR_NAMES = ("chfn.md", "chsh.md", "git-c", "tar.md", "ls.md")
NOVEL_CHAPTER_BYTES = 7000
NOVEL_CHAPTERS = 24
REVIEWS = 4000


def lines(name):
    path = SOURCE / f"{name}.jsonl.zst"
    with subprocess.Popen(["zstd", "-dcq", "--long=27", path], stdout=subprocess.PIPE) as p:
        for line in p.stdout:
            yield line, json.loads(line)
        if p.wait() != 0:
            sys.exit(f"{path}: zstd failed")


def halves(chosen):
    """Two parts, so that readers meet more than one gzip member or zstd frame."""
    middle = len(chosen) // 2
    return b"".join(chosen[:middle]), b"".join(chosen[middle:])


def write_plain(name, chosen):
    (TARGET / f"{name}.jsonl").write_bytes(b"".join(chosen))


def write_gzip(name, chosen):
    members = [gzip.compress(part, 9, mtime=0) for part in halves(chosen)]
    (TARGET / f"{name}.jsonl.gz").write_bytes(b"".join(members))


def write_zstd(name, chosen):
    frames = [
        subprocess.run(["zstd", "-19", "-cq"], input=part, stdout=subprocess.PIPE, check=True).stdout
        for part in halves(chosen)
    ]
    (TARGET / f"{name}.jsonl.zst").write_bytes(b"".join(frames))


def main():
    TARGET.mkdir(exist_ok=True)
    write_zstd(
        "powershell-docs-history",
        [line for line, d in lines("en-powershell-docs-history") if d["source"] in POWERSHELL_PAGES],
    )
    peps = [(line, d) for line, d in lines("en-peps-history") if d["source"] in PEPS]
    assert all("public domain" in d["text"].lower() for _, d in peps)
    write_gzip("peps-history", [line for line, _ in peps])
    write_plain(
        "tldr",
        [line for line, d in lines("multi-tldr") if d["id"].rsplit("/", 1)[1].startswith(TLDR_NAMES)],
    )
    write_plain(
        "phpdoc",
        [
            line
            for language in ("en", "ja", "ru", "zh")
            for line, d in lines(f"{language}-phpdoc")
            if d["id"].startswith(f"{language}/language/control-structures/")
        ],
    )
    chapters = [line for line, d in lines("en-eltec-novels") if len(line) < NOVEL_CHAPTER_BYTES]
    step = len(chapters) // NOVEL_CHAPTERS
    write_plain("eltec-novels", chapters[::step][:NOVEL_CHAPTERS])
    write_zstd("nsmc-reviews", [line for (line, _), _ in zip(lines("ko-nsmc-reviews-300k"), range(REVIEWS))])


if __name__ == "__main__":
    main()
