#!/usr/bin/env python3
"""Runs docs/match.sql over the keys of a scan, with DuckDB or with Spark.

usage: match_sql.py duckdb|spark RUN CANDIDATES PRIORITY

Reads RUN/.work/scan/documents and bands, and writes what the two queries of
docs/match.sql find to CANDIDATES and PRIORITY: a Parquet file with DuckDB, a
folder of Parquet files with Spark. The text of the queries is the same for both.
"""

import sys
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "docs" / "match.sql"


def queries():
    """The two queries of the program."""
    text = "\n".join(line for line in PROGRAM.read_text().splitlines() if not line.startswith("--"))
    parts = [q.strip() for q in text.split(";") if q.strip()]
    if len(parts) != 2:
        sys.exit(f"match_sql: {PROGRAM} holds {len(parts)} queries, want 2")
    return parts


def with_duckdb(tables, outputs):
    import duckdb

    print(f"match_sql: DuckDB {duckdb.__version__}")
    con = duckdb.connect()
    for name, folder in tables.items():
        con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder}/*.parquet')")
    for query, out in zip(queries(), outputs):
        con.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")


def with_spark(tables, outputs):
    import pyspark
    from pyspark.sql import SparkSession

    print(f"match_sql: Spark {pyspark.__version__}")
    # Everything on loopback; several shuffle partitions, so that the result is
    # really in several files.
    spark = (
        SparkSession.builder.master("local[2]")
        .appName("match")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.adaptive.coalescePartitions.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for name, folder in tables.items():
        spark.sql(f"CREATE TEMPORARY VIEW {name} USING parquet OPTIONS (path '{folder}')")
    for query, out in zip(queries(), outputs):
        spark.sql(f"INSERT OVERWRITE DIRECTORY '{out}' USING parquet {query}")
    spark.stop()


def main():
    engines = {"duckdb": with_duckdb, "spark": with_spark}
    if len(sys.argv) != 5 or sys.argv[1] not in engines:
        sys.exit(__doc__)
    scan = Path(sys.argv[2]).resolve() / ".work" / "scan"
    tables = {name: scan / name for name in ("documents", "bands")}
    engines[sys.argv[1]](tables, [Path(p).resolve() for p in sys.argv[3:]])


if __name__ == "__main__":
    main()
