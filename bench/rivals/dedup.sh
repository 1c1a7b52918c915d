#!/bin/sh
# Measures the near-duplicate removal of `tallystick run` and of its rivals,
# interleaved, and judges by ground truth what each drops. The first call
# installs the rivals (about 1.5 GB in build/rivals).
#
#   bench/rivals/dedup.sh                            5 speeds, 5 qualities, 3 rounds
#   bench/rivals/dedup.sh --corpora revisions,prose --tools ours,gaoya --floor
#   bench/rivals/dedup.sh --record                   writes bench/rivals/results/DATE-CPU-dedup.{csv,svg}
#   bench/rivals/dedup.sh --from FILE.csv --table    a record as tables in Markdown
#   bench/rivals/dedup.sh --help                     all options
#
# PYTHON=FILE takes another Python (text-dedup wants 3.12 or later), OURS=FILE
# and TALLYSTICK=FILE (absolute paths) earlier builds of bench/rivals/ours and
# cmd/tallystick. Needs Go, python3 with venv, and the reference data
# (../shared/data, or the folder of --data); without the last two it says so and
# ends well.
set -eu
cd "$(dirname "$0")/../.."
. scripts/common.sh
. bench/rivals/prepare.sh

case " $* " in
*" --from "* | *" --help "* | *" -h "*) exec python3 bench/rivals/dedup.py "$@" ;;
esac
want_data "$@"
for python in "${PYTHON:-python3.12}" python3; do
	"$python" --version >/dev/null 2>&1 && break
done
want_venv "$python" "$home/dedup-venv"
install_tools "$home/dedup-venv" bench/rivals/dedup-requirements.txt bench/rivals/dedup-constraints.txt
if [ -z "${OURS:-}" ]; then
	build ./bench/rivals/ours
	OURS=$built
fi
if [ -z "${TALLYSTICK:-}" ]; then
	build ./cmd/tallystick
	TALLYSTICK=$built
fi
OURS=$OURS TALLYSTICK=$TALLYSTICK "$home/dedup-venv/bin/python" bench/rivals/dedup.py "$@"
