#!/bin/sh
# Measures our counting engine and its rivals, interleaved, and checks every
# count. The first call installs the rivals (about 0.5 GB in build/rivals) and
# counts the texts with the reference; both are kept.
#
#   bench/rivals/run.sh                              11 tokenizers x 7 texts, 3 rounds
#   bench/rivals/run.sh --tokenizers gpt2,llama3 --texts prose,chinese --floor
#   bench/rivals/run.sh --tools ours --tokenizers o200k --threads 1,2
#   bench/rivals/run.sh --prepare                    only what can be done beforehand
#   bench/rivals/run.sh --record                     writes bench/rivals/results/DATE-CPU.{csv,svg}
#   bench/rivals/run.sh --from FILE.csv --floor      judges a record, measures nothing
#   bench/rivals/run.sh --help                       all options
#
# OURS=FILE (an absolute path) takes FILE, an earlier build of bench/rivals/ours, for ours.
# Needs Go, python3 with venv, and the reference data (../shared/data, or the
# folder of --data); without the last two it says so and ends well.
set -eu
cd "$(dirname "$0")/../.."
. scripts/common.sh

home=build/rivals
case " $* " in
*" --from "* | *" --help "* | *" -h "*) exec python3 bench/rivals/rivals.py "$@" ;;
*" --data "*) ;;
*)
	if [ ! -d ../shared/data ]; then
		note "skipped: the reference data is not here (want the folder shared/data beside the repository)"
		exit 0
	fi
	;;
esac
if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
	note "skipped: no python3 (3.11 or later) with venv"
	exit 0
fi
mkdir -p "$home/tools"
[ -x "$home/venv/bin/pip" ] || python3 -m venv "$home/venv"
grep -v '^#' bench/rivals/requirements.txt | while read -r tool; do
	folder=$home/tools/$tool
	[ -d "$folder" ] && continue
	echo "installing $tool"
	rm -rf "$folder.part"
	if "$home/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
		--constraint bench/rivals/constraints.txt --target "$folder.part" "$tool" </dev/null; then
		mv "$folder.part" "$folder"
	else
		rm -rf "$folder.part"
		note "$tool is left out: it cannot be installed here"
	fi
done
if [ -z "${OURS:-}" ]; then
	OURS=$PWD/$home/ours-$$ # another run's build must not come into this one
	trap 'rm -f "$OURS"' EXIT
	go build -o "$OURS" ./bench/rivals/ours
fi
OURS=$OURS "$home/venv/bin/python" bench/rivals/rivals.py "$@"
