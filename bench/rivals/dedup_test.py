"""python3 -m unittest in this folder, which `go test ./bench/rivals/ours` does.
Nothing but Python is needed."""

import itertools
import json
import pathlib
import random
import sys
import tempfile
import unittest

import dedup
import measure_dedup


class Judge(unittest.TestCase):
    def test_slow_definition(self):
        for seed in range(300):
            r = random.Random(seed)
            documents = range(12)
            jaccard = {p: r.choice([500_000, 700_000, 799_999, 800_000, 1_000_000]) for p in itertools.combinations(documents, 2) if r.random() < 0.3}
            dropped = [d for d in documents if r.random() < 0.4]
            for threshold in 0.7, 0.8:
                pairs = [p for p, j in jaccard.items() if j >= round(threshold * 1e6)]
                found = sum(a in dropped or b in dropped for a, b in pairs)
                wrong = sum(not any((min(d, k), max(d, k)) in pairs for k in documents if k not in dropped) for d in dropped)
                self.assertEqual(dedup.judge(dropped, jaccard, threshold), (len(pairs), found, wrong))

    def test_truth(self):
        """Equal texts are pairs, listed or not; ids become lines."""
        with tempfile.TemporaryDirectory() as folder:
            source, pairs = pathlib.Path(folder, "x.jsonl"), pathlib.Path(folder, "x.pairs")
            source.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in [("a", "x"), ("b", "y"), ("c", "x"), ("d", "z")]))
            pairs.write_text("d\tb\t0.800000\na\td\t0.699999\n")
            self.assertEqual(dedup.truth(source, pairs, 0.7), {(1, 3): 800_000, (0, 2): 1_000_000})


class Copied(unittest.TestCase):
    def test_every_line_once(self):
        sys.modules.setdefault("orjson", json)
        with tempfile.TemporaryDirectory() as folder:
            source, kept = pathlib.Path(folder, "x.jsonl"), pathlib.Path(folder, "kept")
            lines = [json.dumps({"text": f"document {n}"}) + "\n" for n in range(25)]
            source.write_text("".join(lines))
            for batch in 1, 7, 25, 26:
                keep = lambda first, texts: [text == f"document {first + n}" and (first + n) % 3 > 0 for n, text in enumerate(texts)]  # noqa: E731
                dropped = measure_dedup.copied({"input": source, "kept": kept}, keep, batch)()
                self.assertEqual(dropped, list(range(0, 25, 3)))
                self.assertEqual(kept.read_text(), "".join(line for n, line in enumerate(lines) if n % 3))

    def test_shingles(self):
        for text, want in {
            "A b, c-D_e f": ["a b c d e", "b c d e f"],
            "Two words": ["two words"],
            "\u4e2d\u6587abc\u3042 x": ["\u4e2d \u6587 abc \u3042 x"],
            "...": ["..."],
        }.items():
            self.assertEqual(measure_dedup.shingles(text), want)


if __name__ == "__main__":
    unittest.main()
