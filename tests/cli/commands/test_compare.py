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
    assert "the same result, to the last bit." in same.stdout
    page = tmp_path / "c.html"
    written = inside("compare", one_run, other, "--json", "--report", page)
    assert page.is_file() and "open it in a browser" in written.stderr
    assert json.loads(written.stdout)["places"] == [str(one_run), str(other)]
    refused = inside("compare", one_run, other, "--report", tmp_path / "none" / "c.html")
    assert refused.returncode != 0 and refused.stdout == "" and "no directory" in refused.stderr


def test_a_walk_forward_is_no_result(one_run, tmp_path):
    (tmp_path / "forward.json").write_text("{}")
    refused = inside("compare", one_run, tmp_path)
    assert refused.returncode == exits.INPUT and "holds a walk-forward" in refused.stderr


def test_symbols_of_a_run_of_many(run_of_many, one_run):
    table = inside("compare", run_of_many, run_of_many)
    assert table.returncode == 0 and "sharpe_ratio of 2 symbols" in table.stdout
    answer = json.loads(inside("compare", run_of_many, run_of_many, "--json").stdout)
    assert {row["symbol"] for row in answer["rows"]} == {"AAA", "b c"}
    refused = inside("compare", run_of_many, one_run)
    assert refused.returncode == exits.INPUT and "2 symbols" in refused.stderr
    assert "--symbol NAME" in refused.stderr
    done = inside("compare", run_of_many, run_of_many, "--symbol", "AAA")
    assert done.returncode == 0 and "on AAA" in done.stdout
