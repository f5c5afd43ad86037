import unittest

import performance

MACHINE = {"cpu": "CPU", "cores": 2, "kernel": "Linux 6", "compiler": "g++ 12", "openssl": "3.0",
           "commit": "abc", "date": "2026-01-01 00:00 UTC", "other_cores": 0.5, "stolen_cores": 0}


def row(name, unit, median):
    return {"name": name, "unit": unit, "median": median, "min": median - 1, "max": median + 1,
            "repetitions": 5}


class Performance(unittest.TestCase):
    def test_figures_have_four_digits(self):
        for value, text in [(0, "0"), (0.1234, "0.123"), (7.9551, "7.955"), (18.359, "18.36"),
                            (183.59, "183.6"), (1835.9, "1,836"), (1e7, "10,000,000")]:
            self.assertEqual(performance.figure(value), text)

    def test_puts_rows_targets_and_the_absent_between_the_markers(self):
        document = ("before\n<!-- figures: validation -->\nold\n<!-- end of figures -->\nafter\n"
                    "<!-- figures: crl -->\nkept\n<!-- end of figures -->\n")
        figures = {"machine": MACHINE,
                   "results": [row("openssl_crl_once", "us", 120), row("ours", "us", 10),
                               row("ours_share_parse", "us", 2), row("threads", "1/s", 7)],
                   "absent": [{"name": "go", "why": "no golang-go"}],
                   "targets": [{"text": "a at most b", "figure": 10, "bound": 12, "met": True},
                               {"text": "a at most c", "figure": 10, "bound": 9, "met": False},
                               {"text": "a at most d", "figure": None, "bound": None, "met": None}],
                   "notes": ["A sentence."]}
        updated = performance.update(document, {"validation": figures})
        for line in ["before\n", "after\n", "kept\n", "2026-01-01 00:00 UTC, commit abc: CPU, 2 cores; ",
                     "A sentence.\n", "| `ours` | us | 10.00 (9.000..11.00) | 5 | 12.00 |\n",
                     "| `ours_share_parse` | us | 2.000 (1.000..3.000) | 5 | |\n",
                     "| `threads` | 1/s | 7.000 (6.000..8.000) | 5 | |\n", "- `go`: no golang-go\n",
                     "| a at most b | 10.00 | 12.00 | met |\n",
                     "| a at most c | 10.00 | 9.000 | **missed** |\n",
                     "| a at most d | - | - | not measured |\n"]:
            self.assertIn(line, updated)
        self.assertNotIn("old", updated)
        self.assertEqual(performance.update(updated, {"validation": figures}), updated)

    def test_a_benchmark_without_a_place_is_named(self):
        with self.assertRaisesRegex(ValueError, "figures: crl"):
            performance.update("nothing\n", {"crl": {}})


if __name__ == "__main__":
    unittest.main()
