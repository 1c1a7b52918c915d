#!/bin/sh
# Runs the main job and reads its Parquet files with DuckDB, pandas and
# pyarrow. Skipped with a notice where Python or the packages cannot be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

venv=build/venv
wanted=scripts/requirements.txt
if ! command -v python3 >/dev/null 2>&1; then
	note "skipped: no python3"
	exit 0
fi
if ! cmp -s "$wanted" "$venv/installed.txt"; then
	rm -rf "$venv"
	if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"; }; then
		note "skipped: the packages of $wanted cannot be installed"
		exit 0
	fi
	cp "$wanted" "$venv/installed.txt"
fi

run=build/readers-run
go run ./cmd/tallystick run testdata/corpus --tokenizer gpt2 --out "$run" --force --quiet
"$venv/bin/python" scripts/check_parquet.py "$run"
