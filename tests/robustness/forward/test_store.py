"""Where folds go: a directory by itself, or the directory of a run."""

import shutil

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError
from qmac.robustness.forward.store import (
    RECORDS,
    read_task_forward,
    store_forward,
)
from qmac.runs.directory import RunDirectory

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))
LENGTHS = {"train": 100, "test": 60}
PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A run, and the walk-forward that lies in it."""
    path = tmp_path_factory.mktemp("forward") / "run"
    qmac.optimize(PRICES, GRID, out=path)
    return path, qmac.walk_forward(PRICES, GRID, out=path, **LENGTHS)


def test_a_run_has_its_walk_forward(swept, tmp_path):
    path, forward = swept
    run = RunDirectory.open(path)
    (task,) = run.tasks
    assert read_task_forward(run, task).digest == forward.digest
    assert (run.forward(task) / RECORDS).read_bytes().count(b"\n") == 1 + 2 * len(forward.folds)
    assert qmac.load(path).best is not None  # of a run, the result
    alone = qmac.walk_forward(PRICES, GRID, out=tmp_path / "alone", **LENGTHS)
    assert alone.digest == forward.digest == qmac.load(tmp_path / "alone").digest


def test_what_is_stored_stays(swept):
    path, forward = swept
    again = qmac.walk_forward(PRICES, GRID, out=path, **LENGTHS)
    assert again.elapsed == forward.elapsed


def test_another_question_is_refused(swept, tmp_path):
    path, forward = swept
    with pytest.raises(ResultError, match='folds.test is "60", not "50"'):
        qmac.walk_forward(PRICES, GRID, out=path, train=100, test=50)
    with pytest.raises(ResultError, match="holds another run: objective"):
        qmac.walk_forward(PRICES, GRID, "sharpe_ratio", out=path, **LENGTHS)
    copy = shutil.copytree(path, tmp_path / "copy")
    run = RunDirectory.open(copy)
    file = run.forward(run.tasks[0]) / "forward.json"
    file.unlink()
    assert read_task_forward(run, run.tasks[0]) is None
    other = qmac.walk_forward(PRICES.tail(250), GRID, **LENGTHS)
    store_forward(other, file)
    with pytest.raises(ResultError, match="another question"):
        read_task_forward(run, run.tasks[0])
