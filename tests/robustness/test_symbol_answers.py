"""Answers of many symbols: a mapping, and the loop that fills it."""

import pytest

from qmac.errors import PricesError, SymbolError, WriteError
from qmac.robustness.symbol_answers import Means, SymbolAnswers, answer_each, find_place
from qmac.runs.header import HEADER
from qmac.runtime.execution.executor import SerialExecutor
from qmac.runtime.resources.limits import Limits

MEANS = Means(None, Limits(), SerialExecutor(), None)


class Asked:
    """Answers with where it is written."""

    def run(self, out, limits, executor, progress):
        return out


def prepare(name):
    if name == "short":
        raise PricesError("short: too few bars.")
    return Asked()


def test_a_mapping_by_symbol():
    answers = SymbolAnswers({"SPY": 1, "QQQ": 2}, {"late": "late: short"})
    assert dict(answers) == {"SPY": 1, "QQQ": 2} and len(answers) == 2
    assert answers.left_out == {"late": "late: short"}
    answers.left_out.clear()
    assert answers.left_out
    with pytest.raises(SymbolError, match="Did you mean 'SPY'"):
        answers["SPYY"]


def test_symbols_without_an_answer_are_left_out(tmp_path):
    with pytest.warns(UserWarning, match="left out: short: too few bars"):
        answers, left_out = answer_each(
            ["A", "short"], prepare, MEANS._replace(out=tmp_path / "new")
        )
    assert answers == {"A": tmp_path / "new" / "A"}
    assert left_out == {"short": "short: too few bars."}
    with pytest.raises(PricesError):
        answer_each(["short"], prepare, MEANS)


def test_a_full_disk_leaves_nothing_out():
    def refuse(_):
        raise WriteError("the disk is full.")

    with pytest.raises(WriteError):
        answer_each(["A", "B"], refuse, MEANS)


def test_a_run_has_a_place_for_each(tmp_path):
    assert find_place(None, "A") is None
    assert find_place(tmp_path, "A") == tmp_path / "A"
    (tmp_path / HEADER).touch()
    assert find_place(tmp_path, "A") == tmp_path
