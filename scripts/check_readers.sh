#!/bin/sh
# Runs the main job, reads its Parquet files with DuckDB, pandas and pyarrow, and
# holds its JSON files to their schemas. Skipped with a notice where Python or the packages cannot be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

venv=build/venv
have_venv "$venv" scripts/requirements.txt || exit 0

run=build/readers-run
bad=build/readers-rejects.jsonl
printf '%s\n' '{"text":1}' 'no JSON' '{"id":1,"text":"one that can be used"}' >"$bad"
go run ./cmd/tallystick run testdata/corpus "$bad" --tokenizer gpt2 --out "$run" --force --quiet --max-rejects 2
"$venv/bin/python" scripts/check_parquet.py "$run"
rm -rf build/readers-schemas
go run ./cmd/tallystick pay "$run" --pool 1000000 --currency EUR --format jsonl --output build/readers-statement.jsonl
cp -r "$run" build/readers-schemas
mv build/readers-statement.jsonl build/readers-schemas/statement.jsonl
"$venv/bin/python" scripts/check_schemas.py build/readers-schemas
