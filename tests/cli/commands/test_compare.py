"""Two results beside each other on the command line."""

import json

from helpers.terminal import inside

from qmac.cli import exits


def test_two_runs(csv, one_run, tmp_path):
    other = tmp_path / "other"
    words = ("--windows", "2:30:3", "--min-trades", 3, "--fees", 0.01)
    assert inside("optimize", csv, *words, "--out", other).returncode == 0
    shown = inside("compare", one_run, other)
    assert shown.returncode == 0 and "fees: 0 in a, 0.01 in b" in shown.stdout
    assert "best of a: " in shown.stdout and "buy fast, buy slow" in shown.stdout
    answer = json.loads(inside("compare", one_run, other, "--json").stdout)
    assert list(answer["differences"]) == ["fees"] and len(answer["maps"]) == 6
    same = inside("compare", one_run, one_run)
    assert "Prices, dates, rules and constraints are the same." in same.stdout


def test_symbols_of_a_run_of_many(run_of_many):
    refused = inside("compare", run_of_many, run_of_many)
    assert refused.returncode == exits.INPUT and "2 symbols" in refused.stderr
    done = inside("compare", run_of_many, run_of_many, "--symbol", "AAA")
    assert done.returncode == 0 and "on AAA" in done.stdout
