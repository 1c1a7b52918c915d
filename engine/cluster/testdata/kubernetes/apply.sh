#!/bin/sh
# Applies the stages one after the other, each when the one before it is done.
# Jobs that failed are made anew, and what is done is not done again, so that
# this can be repeated. POLL is the number of seconds between looks.
set -eu
cd "$(dirname "$0")"

kubectl() { command kubectl --namespace nlp "$@"; }

# conditions JOB: those that are true, such as "Complete"; nothing if there is
# no such job.
conditions() {
	kubectl get job "$1" --ignore-not-found -o 'jsonpath={.status.conditions[?(@.status=="True")].type}'
}

stage() { # stage NAME JOB
	case " $(conditions "$2") " in
	*" Complete "*) echo "$1: done before"; return ;;
	*" Failed "*) kubectl delete job "$2" --wait ;;
	esac
	kubectl apply -f "$1.yaml"
	while :; do
		state=" $(conditions "$2") "
		case $state in
		*" Complete "*) echo "$1: done"; return ;;
		*" Failed "*)
			kubectl describe job "$2" >&2 || true
			echo "$1 failed: kubectl logs job/$2 --all-pods; then run this again" >&2
			exit 1
			;;
		esac
		sleep "${POLL:-5}"
	done
}

stage scan tallystick-01234567-scan
stage match tallystick-01234567-match
stage decide tallystick-01234567-decide
stage resolve tallystick-01234567-resolve
stage tally tallystick-01234567-tally
stage seal tallystick-01234567-seal
