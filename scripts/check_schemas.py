"""Checks the JSON files of a finished run against docs/schema.

usage: check_schemas.py RUN
"""

import json
import sys
from pathlib import Path

import jsonschema

SCHEMAS = Path(__file__).resolve().parent.parent / "docs" / "schema"

# One object a file, or one a line.
WHOLE = {"plan": "plan.json", "manifest": "manifest.json", "timings": "timings.json"}
LINES = {"tally": "tally.jsonl", "rejects": "rejects.jsonl", "pay": "statement.jsonl"}


def lines(text):
    """The records of a JSONL text: str.splitlines would cut at U+2028 too."""
    return text.removesuffix("\n").split("\n") if text else []


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    run = Path(sys.argv[1])
    checked = 0
    for names, split in ((WHOLE, lambda text: [text]), (LINES, lines)):
        for name, file in names.items():
            schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
            validator = jsonschema.Draft202012Validator(schema)
            for number, text in enumerate(split((run / file).read_text()), 1):
                for error in validator.iter_errors(json.loads(text)):
                    sys.exit(f"{file}: record {number}: {error.json_path}: {error.message}")
                checked += 1
    print(f"{checked} JSON records of a run are as docs/schema says")


if __name__ == "__main__":
    main()
