#!/usr/bin/env python3
"""Holds the decisions of a run against the priority order that SQL found.

usage: check_priority.py RUN PRIORITY

PRIORITY is what the second query of docs/match.sql gave: a Parquet file, or a
folder of them. Every witness must come before what it is the witness of; that
of an exact_dup must be the first of its group; and of each group all but
the first must have been dropped. Not for runs against documents that stand.
"""

import json
import sys
from pathlib import Path

import duckdb


def check(condition, message):
    if not condition:
        sys.exit(f"check_priority: {message}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    run, priority = map(Path, sys.argv[1:])
    first_line = [s["first_line"] for s in json.loads((run / "plan.json").read_text())["shards"]]
    # The files of a folder are in the order of their names.
    files = sorted(str(f) for f in priority.glob("*.parquet")) if priority.is_dir() else [str(priority)]
    con = duckdb.connect()
    order = {}
    for f in files:
        query = f"SELECT shard, ordinal, key, length, number FROM read_parquet('{f}')"
        for shard, ordinal, key, length, number in con.execute(query).fetchall():
            check((shard, ordinal) not in order, f"{shard}:{ordinal} is there twice")
            order[shard, ordinal] = (len(order), (key, length), number)
    decisions = con.execute(
        f"SELECT shard, line, witness_shard, witness_line, class FROM read_parquet('{run}/decisions/*.parquet')"
    ).fetchall()
    dropped = set()
    for shard, line, witness_shard, witness_line, cls in decisions:
        place = (shard, line - first_line[shard])
        at, key, number = order[place]
        witness_at, witness_key, witness_number = order[witness_shard, witness_line - first_line[witness_shard]]
        check(witness_at < at, f"{place}: its witness comes later")
        if cls == "exact_dup":
            check(witness_key == key and witness_number == 1 and number > 1, f"{place}: its witness is not the first of its group")
        dropped.add(place)
    check(dropped, "nothing was dropped, which shows nothing")
    for place, (_, _, number) in order.items():
        check(number == 1 or place in dropped, f"{place}: number {number} of its group was kept")
    print(f"{len(decisions)} decisions among {len(order)} documents follow the priority order that SQL found")


if __name__ == "__main__":
    main()
