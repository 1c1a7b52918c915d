#!/bin/sh
# Builds bin/tallystick, with the Hugging Face engine where that can be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

tags= engines=native
if have_hf; then
	tags=hf engines="native, hf"
fi
rm -f bin/tallystick # go does not see that libtokenizers.a changed
go build -tags "$tags" -o bin/tallystick ./cmd/tallystick
echo "built bin/tallystick (tokenizer engines: $engines)"
