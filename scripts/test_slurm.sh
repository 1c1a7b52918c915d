#!/bin/sh
# A plan's tasks on a real Slurm of one node, started from Debian's packages on
# the loopback device and stopped again. --install installs them, where apt-get
# and root are there. REQUIRE_SLURM=1 makes it an error to leave the test out.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

left_out() {
	note "the test on Slurm is left out: $*"
	[ "${REQUIRE_SLURM:-}" != 1 ] || exit 1
	exit 0
}

missing() { for c in munged slurmctld slurmd sbatch; do command -v $c >/dev/null 2>&1 || echo $c; done; }

[ "$(uname)" = Linux ] || left_out "Slurm runs on Linux"
[ "$(id -u)" = 0 ] || left_out "it needs root: slurmd starts jobs as their users"
PATH=$PATH:/usr/sbin
if [ -n "$(missing)" ] && [ "${1:-}" = --install ] && command -v apt-get >/dev/null 2>&1; then
	log=$(mktemp)
	if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge; } >"$log" 2>&1; then
		tail -n 5 "$log"
	fi
	rm -f "$log"
fi
[ -z "$(missing)" ] || left_out "no $(missing | tr '\n' ' '): apt-get install slurmctld slurmd slurm-client munge"
TALLYSTICK_SLURM=1 go test -count 1 -v -run '^TestSlurm$' ./cmd/tallystick
