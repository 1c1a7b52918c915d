# Sourced by the scripts beside it: sections with their times, and what this
# machine can build.

section() { # section NAME COMMAND...: heading, command, seconds it took
	section_name=$1
	shift
	printf '\n== %s\n' "$section_name"
	section_start=$(date +%s)
	"$@"
	printf -- '-- %s: %d s\n' "$section_name" "$(($(date +%s) - section_start))"
}

note() { echo "NOTICE: $*"; }

have_cc() { # a C compiler that Go would use
	[ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null 2>&1
}

# have_venv FOLDER REQUIREMENTS makes a virtual environment of Python with the
# packages of a file if this machine can, else says what cannot be had.
have_venv() {
	if ! command -v python3 >/dev/null 2>&1; then
		note "skipped: no python3"
		return 1
	fi
	if ! cmp -s "$2" "$1/installed.txt"; then
		rm -rf "$1"
		if ! { python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2"; }; then
			note "skipped: the packages of $2 cannot be installed"
			return 1
		fi
		cp "$2" "$1/installed.txt"
	fi
}

# have_hf builds the library of the Hugging Face engine if this machine can,
# else says what is left out. With REQUIRE_HF=1 a build that fails is an error.
have_hf() {
	if ! command -v cargo >/dev/null 2>&1 || ! have_cc; then
		note "the Hugging Face engine is left out: it needs cargo (https://rustup.rs) and a C compiler; native counting works without"
		return 1
	fi
	if scripts/build_hf.sh; then
		return 0
	fi
	note "the Hugging Face engine is left out: its build failed (above)"
	[ "${REQUIRE_HF:-}" != 1 ] || exit 1
	return 1
}
