"""python3 -m unittest in this folder, which `go test ./bench/rivals/ours` does.
Nothing but Python is needed."""

import unittest

import record


def row(text, tool, cold, warm, counts="exact", threads=1):
    return record.Row("gpt2", text, tool, "", threads, 1, 1, 1, 1, 0.0, cold, cold, cold, warm, warm, warm, 0.0, counts, "as is")


class Table(unittest.TestCase):
    def test_best_rivals(self):
        """The best rival of each pass, among those that count right, with one thread."""
        rows = [
            row("prose", "ours", 100.4, 200.0), row("prose", "ours", 190.0, 380.0, threads=2),
            row("prose", "a", 50.0, 60.0), row("prose", "b", 40.0, 70.0), row("prose", "wrong", 500.0, 500.0, "1 documents wrong"),
            row("code", "ours", 10.0, 20.0),
        ]  # fmt: skip
        self.assertEqual(
            record.table(rows, "ours").splitlines(),
            ["| cold, warm | Prose | Code |", "|---|---:|---:|", "| **gpt2** | 100, 200 | 10, 20 |", "| best rivals | 50, 70 | – |"],
        )


if __name__ == "__main__":
    unittest.main()
