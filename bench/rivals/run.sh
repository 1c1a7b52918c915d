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
#   bench/rivals/run.sh --from FILE.csv --table      a record as a table in Markdown
#   bench/rivals/run.sh --help                       all options
#
# OURS=FILE (an absolute path) takes FILE, an earlier build of bench/rivals/ours, for ours.
# Needs Go, python3 with venv, and the reference data (../shared/data, or the
# folder of --data); without the last two it says so and ends well.
set -eu
cd "$(dirname "$0")/../.."
. scripts/common.sh
. bench/rivals/prepare.sh

case " $* " in
*" --from "* | *" --help "* | *" -h "*) exec python3 bench/rivals/rivals.py "$@" ;;
esac
want_data "$@"
want_venv python3 "$home/venv"
install_tools "$home/venv" bench/rivals/requirements.txt bench/rivals/constraints.txt
if [ -z "${OURS:-}" ]; then
	build ./bench/rivals/ours
	OURS=$built
fi
OURS=$OURS "$home/venv/bin/python" bench/rivals/rivals.py "$@"
