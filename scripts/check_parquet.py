#!/usr/bin/env python3
"""Checks that other people's readers see what tallystick wrote.

usage: check_parquet.py RUN

Opens RUN/tally.parquet and RUN/decisions/*.parquet with DuckDB and with
pandas on pyarrow, and compares them, integer by integer, with RUN/tally.jsonl
read by Python's own json module. Prints what was compared; exits with 1 at the
first difference.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import duckdb
import pandas as pd

CLASSES = ["in", "kept", "exact_dup", "near_dup", "excluded", "rejected"]
COUNTS = ["documents", "bytes", "tokens"]
TALLY = ["contributor"] + [f"{c}_{n}" for c in CLASSES for n in COUNTS]
DECISION = [
    "shard", "line", "offset", "id", "contributor", "class", "bytes", "tokens",
    "witness_shard", "witness_line", "witness_id", "witness_contributor",
    "overlap", "union", "jaccard", "shared_buckets",
]  # fmt: skip


def check(condition, message):
    if not condition:
        sys.exit(f"check_parquet: {message}")


def same(what, got, want):
    """Compares two lists and shows the first difference."""
    for i, (g, w) in enumerate(zip(got, want)):
        check(g == w, f"{what}: row {i}: {g!r}, want {w!r}")
    check(len(got) == len(want), f"{what}: {len(got)} rows, want {len(want)}")


def read_jsonl(path):
    """tally.jsonl as tuples in the order of TALLY."""
    with open(path, encoding="utf-8") as f:
        objects = [json.loads(line) for line in f]
    return [(o["contributor"], *(o[c][n] for c in CLASSES for n in COUNTS)) for o in objects]


def with_duckdb(files, columns):
    """Rows and column types as DuckDB reads them, in file order."""
    files = [str(f) for f in files]
    relation = duckdb.connect().read_parquet(files)
    check(relation.columns == columns, f"DuckDB: columns {relation.columns}, want {columns}")
    return relation.fetchall(), dict(zip(relation.columns, map(str, relation.types)))


def with_pandas(files, columns):
    """Rows and column types as pandas reads them, in file order."""
    frame = pd.concat([pd.read_parquet(f, engine="pyarrow") for f in files], ignore_index=True)
    check(list(frame.columns) == columns, f"pandas: columns {list(frame.columns)}, want {columns}")
    rows = list(zip(*(frame[c].tolist() for c in columns)))
    return rows, {c: str(t) for c, t in frame.dtypes.items()}


def check_tally(run):
    want = read_jsonl(run / "tally.jsonl")
    for name, read, int64 in (("DuckDB", with_duckdb, "BIGINT"), ("pandas", with_pandas, "int64")):
        rows, types = read([run / "tally.parquet"], TALLY)
        for column in TALLY[1:]:
            check(types[column] == int64, f"{name}: {column} is {types[column]}, want {int64}")
        same(f"{name}: tally.parquet", rows, want)
    for row in want:
        count = dict(zip(TALLY, row))
        for n in COUNTS:
            parts = sum(count[f"{c}_{n}"] for c in CLASSES[1:])
            check(count[f"in_{n}"] == parts, f"{row[0]}: {n} in {count[f'in_{n}']}, classes {parts}")
    return want


def check_decisions(run, tally):
    files = sorted((run / "decisions").glob("*.parquet"))
    want = {}
    for row in tally:
        count = dict(zip(TALLY, row))
        for c in ("exact_dup", "near_dup"):
            if count[f"{c}_documents"]:
                want[row[0], c] = tuple(count[f"{c}_{n}"] for n in COUNTS)
    if not files:
        check(not want, "documents were dropped but decisions/ is empty")
        return 0
    rows = None
    for name, read in (("DuckDB", with_duckdb), ("pandas", with_pandas)):
        got, _ = read(files, DECISION)
        if rows is not None:
            same(f"{name}: decisions", got, rows)
        rows = got
        sums = defaultdict(lambda: (0, 0, 0))
        for row in rows:
            r = dict(zip(DECISION, row))
            d, b, t = sums[r["contributor"], r["class"]]
            sums[r["contributor"], r["class"]] = (d + 1, b + r["bytes"], t + r["tokens"])
            if r["class"] == "near_dup":
                check(r["jaccard"] == r["overlap"] / r["union"], f"{name}: Jaccard of {row}")
        same(f"{name}: decisions by contributor and class", sorted(sums.items()), sorted(want.items()))
    return len(rows)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = Path(sys.argv[1])
    tally = check_tally(run)
    decisions = check_decisions(run, tally)
    total = dict(zip(TALLY[1:], map(sum, list(zip(*tally))[1:]))) if tally else {}
    print(
        f"DuckDB {duckdb.__version__} and pandas {pd.__version__} agree with tally.jsonl: "
        f"{len(tally)} contributors, {total.get('in_documents', 0)} documents, "
        f"{total.get('kept_tokens', 0)} of {total.get('in_tokens', 0)} tokens kept, {decisions} decisions"
    )


if __name__ == "__main__":
    main()
