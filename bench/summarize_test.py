"""Tests of summarize.py: python3 bench/summarize_test.py."""
import unittest

import summarize


def run(repetition, scenario, calls, cpu):
    figures = {key: 1.0 for _, key, _, _ in summarize.COLUMNS}
    return {**figures, "repetition": repetition, "scenario": scenario, "calls_per_second": calls,
            "server_cpu_us_per_call": cpu, "other_cores": 0.1, "stolen_cores": 0, "grpc": "1",
            "compiler": "g++", "connections": 4, "outstanding": 16, "threads": 1, "seconds": 2}


def repetition(number, echo, create):
    """`echo` and `create` are (calls per second, CPU of a call)."""
    measured = {"echo": echo, "create": create}
    return [run(number, scenario, *measured.get(scenario, (1, 1)))
            for scenario in summarize.SCENARIOS]


class SummarizeTest(unittest.TestCase):
    def test_a_figure_is_the_median_with_its_range(self):
        runs = [r for number, calls in enumerate([30, 10, 20])
                for r in repetition(number, (calls, 1), (1, 1))]
        self.assertEqual(summarize.summarize(runs)["echo"]["calls_per_second"],
                         {"median": 20, "min": 10, "max": 30})

    def test_a_ratio_is_taken_within_its_repetition(self):
        # The second server is twice as fast at everything: the ratio is the same in both.
        runs = repetition(0, (100, 4), (50, 12)) + repetition(1, (200, 2), (100, 6))
        ratio = summarize.summarize(runs)["create"]["ratio"]
        self.assertEqual(ratio["calls_per_second"], {"median": 0.5, "min": 0.5, "max": 0.5})
        self.assertEqual(ratio["server_cpu_us_per_call"], {"median": 3, "min": 3, "max": 3})

    def test_a_scenario_that_is_missing_or_there_twice_is_refused(self):
        whole = repetition(0, (1, 1), (1, 1))
        for runs in (whole[1:], whole + whole[:1]):
            with self.assertRaises(ValueError):
                summarize.summarize(runs)

    def test_few_repetitions_are_said_to_be_few(self):
        meta = {"date": "d", "commit": "c", "cpu": "x", "cores": 2, "kernel": "k"}
        for count, few in ((1, True), (4, True), (5, False)):
            runs = [r for number in range(count) for r in repetition(number, (1, 1), (1, 1))]
            text = summarize.render(summarize.summarize(runs), runs, meta)
            self.assertEqual("Fewer than 5 repetitions" in text, few, count)

    def test_a_table_has_one_width(self):
        lines = summarize.table([["scenario", "n"], ["a", "1,000"]]).split("\n")
        self.assertEqual(lines, ["| scenario |     n |", "|----------|------:|", "| a        | 1,000 |"])


if __name__ == "__main__":
    unittest.main()
