"""A file of an answer is read whichever it is."""

import pytest

import qmac
from qmac.errors import ResultError
from qmac.robustness.answers import read_any

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))


def test_each_answer_is_read_by_its_entries(tmp_path, sample):
    prices = sample.tail(200)
    forward = qmac.walk_forward(prices, GRID, train=80, test=40)
    luck = qmac.luck(qmac.optimize(prices, GRID, top=1), 19)
    tries = qmac.optimize(prices, GRID, top=1).tries(5)
    for answer in (forward, luck, tries):
        read = read_any(answer.save(tmp_path / "answer.json"))
        assert type(read) is type(answer) and read.digest == answer.digest
    (tmp_path / "answer.json").write_text("[]")
    with pytest.raises(ResultError, match="is damaged"):
        read_any(tmp_path / "answer.json")
