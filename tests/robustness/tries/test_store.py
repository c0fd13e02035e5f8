"""The number of tries in a run directory."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError
from qmac.robustness.markets.resample_run import check_result
from qmac.robustness.tries.answer import Tries
from qmac.robustness.tries.store import (
    TRIES,
    compute_question,
    find_file,
    read_same,
    read_task_tries,
    store_tries,
)
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 40, 50, 60, 70, 80))
SPY = Task("SPY")


@pytest.fixture
def run(tmp_path):
    """A run directory, and what its result is of."""
    path = tmp_path / "run"
    return path, check_result(qmac.optimize(PRICES, GRID, top=3, out=path))


def build(question):
    return Tries("SPY", GRID.size, np.array([2.0, 2.1, 2.2, 2.3, 2.4]), 1, question, 0.5)


def test_it_is_written_beside_luck(run):
    path, identity = run
    question = compute_question(identity, 1, 5)
    assert len({question, *(compute_question(identity, *n) for n in ((2, 5), (1, 6)))}) == 3
    file = find_file(path, identity)
    assert file == path / "luck" / "SPY" / TRIES
    assert read_same(file, question) is None
    directory = RunDirectory.open(path)
    assert read_task_tries(directory, SPY) is None
    store_tries(build(question), file, identity)
    assert read_same(file, question).digest == build(question).digest
    assert read_same(file, "0123") is None
    assert read_task_tries(directory, SPY).digest == build(question).digest


def test_files_of_other_questions_or_damaged_are_refused(run):
    path, identity = run
    file = find_file(path, identity)
    store_tries(build("0123"), file, identity)
    directory = RunDirectory.open(path)
    with pytest.raises(ResultError, match="another question"):
        read_task_tries(directory, SPY)
    file.write_text("{")
    with pytest.raises(ResultError, match="damaged"):
        read_task_tries(directory, SPY)
    assert read_same(file, "0123") is None


def test_only_the_run_of_a_result_takes_it(run, tmp_path):
    path, identity = run
    with pytest.raises(ResultError):
        find_file(tmp_path / "nothing", identity)
    other = qmac.optimize(PRICES.tail(280), GRID, top=1)
    with pytest.raises(ResultError, match="another run: prices is"):
        find_file(path, check_result(other))


def test_an_answer_of_fewer_markets_takes_the_place_of_none(run):
    path, identity = run
    file = find_file(path, identity)
    whole = build(compute_question(identity, 1, 5))
    store_tries(whole, file, identity)
    values = whole.values[:4]
    less = replace(whole, values=values, question=compute_question(identity, 1, 4))
    with pytest.warns(UserWarning, match="stays as it is: it counts 5 random markets"):
        store_tries(less, file, identity)
    assert read_task_tries(RunDirectory.open(path), SPY).digest == whole.digest
    store_tries(build("0123"), file, identity)  # of as many
    store_tries(less, file, identity)  # that was the answer of another question
    assert read_task_tries(RunDirectory.open(path), SPY).digest == less.digest
