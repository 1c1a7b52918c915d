#!/bin/sh
# Does the whole job twice: with our own match, and with the join of docs/match.sql done by
# DuckDB and by Spark. Groups and every output must have the same bytes, timings apart.
# usage: test_spark.sh [duckdb|spark]... (default: both)
# Each engine is skipped with a notice where it cannot be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

engine_duckdb() {
	have_venv build/venv scripts/requirements.txt || {
		note "the join by DuckDB is skipped"
		return 1
	}
}

engine_spark() {
	if ! command -v java >/dev/null 2>&1; then
		note "the join by Spark is skipped: it needs Java"
		return 1
	fi
	# DuckDB reads the decisions that the order of Spark is held against.
	have_venv build/venv scripts/requirements.txt && have_venv build/venv-spark scripts/requirements-spark.txt || {
		note "the join by Spark is skipped"
		return 1
	}
}

python_of() { if [ "$1" = spark ]; then echo build/venv-spark/bin/python; else echo build/venv/bin/python; fi; }

stage() { # stage RUN NAME FLAGS...: all its tasks
	run=$1 stage=$2
	shift 2
	$tallystick stage "$stage" --plan "$run/plan.json" --tasks-per-job 1000 --quiet "$@"
}

same() { # same OWN OTHER: every byte of the groups and of the outputs
	diff -r -x '*.json' "$1/.work/match" "$2/.work/match"
	diff -r -x .work -x timings.json -x report.html "$1" "$2"
}

# check_corpus NAME ENGINES PLAN-ARGUMENTS...
check_corpus() {
	name=$1 engines=$2
	shift 2
	own=$work/$name-own scanned=$work/$name-scan
	$tallystick run "$@" --out "$own" --keep-work --quiet
	$tallystick plan "$@" --out "$scanned" --quiet
	stage "$scanned" scan --band-format parquet
	for engine in $engines; do
		out=$work/$name-$engine candidates=$work/$name-$engine-candidates priority=$work/$name-$engine-priority
		cp -r "$scanned" "$out"
		"$(python_of "$engine")" scripts/match_sql.py "$engine" "$scanned" "$candidates" "$priority" 2>"$work/$engine.log" || {
			cat "$work/$engine.log"
			return 1
		}
		stage "$out" match --candidates "$candidates"
		stage "$out" resolve
		stage "$out" tally
		stage "$out" seal --keep-work
		same "$own" "$out"
		case $name in
		bundled | sources) build/venv/bin/python scripts/check_priority.py "$out" "$priority" ;;
		esac
		echo "$name: $engine led to the same groups and the same bytes in every output"
	done
}

work=build/match
rm -rf "$work"
mkdir -p "$work"
tallystick=$work/tallystick
engines=
for engine in ${*:-duckdb spark}; do
	if "engine_$engine"; then engines="$engines $engine"; fi
done
[ -n "$engines" ] || exit 0
go build -o "$tallystick" ./cmd/tallystick

check_corpus bundled "$engines" testdata/corpus --tokenizer gpt2 --shard-size 64KiB
# Spark takes a minute to start; other plans differ in what scan writes, not in the program.
case $engines in *duckdb*)
	cp testdata/corpus/peps-history.jsonl.gz "$work/reference.jsonl.gz"
	check_corpus reference duckdb testdata/corpus --tokenizer gpt2 --reference "$work/reference.jsonl.gz"
	$tallystick run testdata/corpus/powershell-docs-history.jsonl.zst --tokenizer gpt2 --index --out "$work/earlier" --quiet
	check_corpus against duckdb testdata/corpus --tokenizer gpt2 --against "$work/earlier" --index
	check_corpus sources duckdb testdata/corpus --tokenizer gpt2 --scope source --source-field contributor
	;;
esac
