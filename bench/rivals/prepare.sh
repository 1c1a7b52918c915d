# Sourced by run.sh and dedup.sh, at the root of the repository, after
# scripts/common.sh: what must be there before a measurement.

home=build/rivals

# want_data ARGUMENTS: ends the script, with a notice, without reference data.
want_data() {
	case " $* " in
	*" --data "*) ;;
	*)
		if [ ! -d ../shared/data ]; then
			note "skipped: the reference data is not here (want the folder shared/data beside the repository)"
			exit 0
		fi
		;;
	esac
}

# version_of PYTHON prints its version, as in 3.12.
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# want_venv PYTHON FOLDER makes the virtual environment, or ends the script with
# a notice.
want_venv() {
	if ! "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		note "skipped: no python3 (3.11 or later) with venv"
		exit 0
	fi
	mkdir -p "$home/tools"
	[ -x "$2/bin/pip" ] && [ "$(version_of "$2/bin/python")" = "$(version_of "$1")" ] || "$1" -m venv --clear "$2"
}

# install_tools VENV REQUIREMENTS CONSTRAINTS installs what a line asks for to a
# folder of its own, named after the first word. What another Python installed
# does not work in this one.
install_tools() {
	version=$(version_of "$1/bin/python")
	grep -v '^#' "$2" | while read -r tool packages; do
		folder=$home/tools/$tool
		[ "$(cat "$folder/.python" 2>/dev/null)" = "$version" ] && continue
		echo "installing $tool"
		rm -rf "$folder.part"
		# shellcheck disable=SC2086
		if "$1/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-binary jieba \
			--constraint "$3" --target "$folder.part" "$tool" $packages </dev/null; then
			echo "$version" >"$folder.part/.python"
			rm -rf "$folder"
			mv "$folder.part" "$folder"
		else
			rm -rf "$folder.part"
			note "$tool is left out: it cannot be installed here"
		fi
	done
}

# build FOLDER sets $built to a build of the program in FOLDER. It goes with this
# script: another run's must not come into this one.
builds=$home/builds-$$
trap 'rm -rf "$builds"' EXIT
build() {
	built=$PWD/$builds/$(basename "$1")
	go build -o "$built" "$1"
}
