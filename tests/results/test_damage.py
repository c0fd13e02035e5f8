"""Every file of a result is damaged in every way: an answer is the good one, or a sentence."""

import copy
import json
import shutil

import pytest
from helpers.damage import COUNT, answer, check_mutants, check_reader, halted_run, saved_result
from helpers.faults import LONG
from helpers.mutants import mutants
from helpers.terminal import inside

import qmac
from qmac.cli import exits
from qmac.jobs.listing import describe_directory
from qmac.runs.score_store import ScoreGrid
from qmac.storage.json_text import compute_checksum

pytestmark = pytest.mark.slow

WILD = (
    -1, 0, 10**15, 10**400, 1e308, float("nan"), float("inf"), -0.0, True, None, "", "x",
    "\ud800", "\x1b[2J", "9" * 5000, [], [[[]]], ["a"], {}, {"a": 1}, "../..", "\0",
)  # fmt: skip
"""What a program may write in place of an entry."""
STEP = 1 if LONG else 7
"""Every so many changes of a header are tried."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return saved_result(tmp_path_factory.mktemp("damage") / "saved")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The result of a finished symbol within an unfinished run, with its scores."""
    run = halted_run(tmp_path_factory.mktemp("damage") / "run")
    return run / "results" / "AAA"


@pytest.mark.parametrize(
    "name", ["result.json", "top.parquet", "arrays.npz", "prices.parquet", "averages.npz"]
)
def test_files_of_a_saved_result(saved, name):
    check_mutants(saved / name, lambda: answer(qmac.load(saved)))


@pytest.mark.parametrize("name", [".zarray", "0.0", "buys.npy", "sells.npy"])
def test_files_of_scores(done, name):
    scores, result = done / "scores", qmac.load(done)
    about = json.loads((scores / ".zarray").read_text())
    expected = (result.grid, result.distribution.objective, about["identity"])

    def read():
        grid = ScoreGrid(scores, *expected)
        return {"scores": grid.of_sell(3, 8).to_csv(), "one": grid[2, 5, 3, 8]}

    check_mutants(scores / name, read)


@pytest.mark.parametrize("name", ["result.json", "top.parquet", "arrays.npz"])
def test_commands(saved, name):
    """The command line ends in a documented code, and never in a traceback."""
    file = saved / name
    content = file.read_bytes()
    try:
        for what, damaged in mutants(content, COUNT // 20, seed=1):
            file.write_bytes(damaged)
            for command in (["show"], ["show", "--toml"], ["export"], ["runs", "--json"]):
                ended = inside(*command, saved)
                code = ended.returncode
                assert code in exits.MEANINGS and code != exits.DEFECT, (what, command, ended)
                assert "Traceback" not in ended.stderr, (what, command)
    finally:
        file.write_bytes(content)


def change(values):
    """Yield copies of a header, each with an entry that is dropped, or has another value."""
    for place in _places(values):
        for value in (..., *WILD):
            changed = copy.deepcopy(values)
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            if value is ...:
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
            yield f"{place} {value!r:.40}", changed


def _places(value, place=()):
    if place:
        yield place
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*place, key))
    elif isinstance(value, list) and value:
        yield from _places(value[0], (*place, 0))


def test_other_values_under_a_checksum_that_fits(saved, tmp_path):
    """Whoever can write a value can write its checksum: it is another answer, or a sentence."""
    path = shutil.copytree(saved, tmp_path / "saved")
    file = path / "result.json"
    values = json.loads(file.read_text())
    for number, (name, changed) in enumerate(change(values)):
        if number % STEP:
            continue
        changed["checksum"] = compute_checksum(changed)
        file.write_text(json.dumps(changed))
        check_reader(name, lambda: answer(qmac.load(path)), None, traced=False)
        assert describe_directory(path).date, name


@pytest.mark.parametrize("depth", [100, 900, 990, 10_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_headers_that_are_deep_or_in_another_encoding(saved, tmp_path, depth, encoding):
    path = shutil.copytree(saved, tmp_path / "saved")
    text = (path / "result.json").read_text()
    good = answer(qmac.load(path))
    for deep in ("[" * depth, '{"a":' * depth, "[" * depth + "]" * depth):
        (path / "result.json").write_text(text.replace('"format": 2', f'"a": {deep}'), encoding)
        check_reader(deep, lambda: answer(qmac.load(path)), good, traced=False)
    (path / "result.json").write_text(text, encoding)
    check_reader(encoding, lambda: answer(qmac.load(path)), good, traced=False)
