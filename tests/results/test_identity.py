"""A result that answers something else is refused by name, or computed again."""

import dataclasses
import json
import math
import shutil

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError
from qmac.jobs.listing import DAMAGED, FINISHED, describe_directory
from qmac.results.identity import identify, read_identity
from qmac.results.reader import read_results
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.storage.json_text import compute_checksum

GRID = qmac.Grid(windows=range(2, 9))
PRICES = {"AAA": frame(series("random", 200, 2)), "BBB": frame(series("random", 200, 3))}
NEW_ENTRIES = ("top", "averages", "lanes", "kernels")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder of runs: ``two`` symbols, and others that differ in one thing."""
    folder = tmp_path_factory.mktemp("runs")
    qmac.optimize_many(PRICES, GRID, out=folder / "two")
    others = {
        "fees": {"rules": qmac.Rules(fees=0.01)},
        "objective": {"objective": "win_rate"},
        "direction": {"maximize": False},
        "constraints": {"min_trades": 3},
        "top": {"top": 7},
    }
    for name, options in others.items():
        qmac.optimize_many({"AAA": PRICES["AAA"]}, GRID, out=folder / name, **options)
    qmac.optimize_many({"AAA": PRICES["AAA"]}, qmac.Grid(windows=range(2, 10)), out=folder / "grid")
    qmac.optimize_many({"AAA": PRICES["AAA"].iloc[:-1]}, GRID, out=folder / "prices")
    return folder


@pytest.fixture
def two(runs, tmp_path):
    return shutil.copytree(runs / "two", tmp_path / "two")


def change(result, without=(), **entries):
    """Change entries of a header so that its checksum fits."""
    path = result / "result.json"
    header = {**json.loads(path.read_text()), **entries}
    header = {name: value for name, value in header.items() if name not in without}
    header["checksum"] = compute_checksum(header)
    path.write_text(json.dumps(header))


def age(result):
    """Take away what results of earlier versions do not say."""
    prices = json.loads((result / "result.json").read_text())["prices"]
    del prices["sha256"]
    change(result, NEW_ENTRIES, prices=prices)


def replace(target, source):
    shutil.rmtree(target)
    shutil.copytree(source, target)


def check_refused(run, symbol, message):
    """Check every way to read a result of a run, and that it is computed again."""
    place = run / "results" / symbol
    for read in (
        lambda: read_results(run)[symbol],
        lambda: read_results(run, symbol)[symbol],
        lambda: qmac.load(place),
    ):
        with pytest.raises(ResultError, match=message):
            read()
    entry = describe_directory(run)
    assert entry.state == DAMAGED and place.name in entry.message and math.isnan(entry.share)
    with pytest.warns(UserWarning, match=f"{symbol} is done again: .*{message}"):
        results = qmac.resume(run)
    assert describe_directory(run).state == FINISHED
    return results[symbol]


def test_the_result_of_another_symbol(runs, two):
    replace(two / "results" / "BBB", two / "results" / "AAA")
    again = check_refused(two, "BBB", "is the result of AAA, not of BBB")
    assert again.digest == qmac.load(runs / "two" / "results" / "BBB").digest


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("fees", r"of another run: rules.fees is 0.01, not 0.0"),
        ("objective", r'of another run: objective is "win_rate", not "total_return"'),
        ("direction", r"of another run: maximize is false, not true"),
        ("constraints", r"of another run: constraints.total_trades is \[3.0, null\]"),
        ("top", r"of another run: top is 7, not 100"),
        ("grid", r"of another run: grid.buy_fast is 2:9, not 2:8"),
        ("prices", r"of other prices"),
    ],
)
@pytest.mark.parametrize("is_old", [False, True])
def test_the_result_of_another_run(runs, two, other, message, is_old):
    place = two / "results" / "AAA"
    replace(place, runs / other / "results" / "AAA")
    if is_old:
        age(place)
    if (other, is_old) == ("top", True):
        message = "of another run: it has 7 rows, not 100"
    if is_old and other in ("prices", "top"):  # the list reads no more than a header
        with pytest.raises(ResultError, match=message):
            qmac.load(place)
        return
    again = check_refused(two, "AAA", message)
    assert again.digest == qmac.load(runs / "two" / "results" / "AAA").digest


def test_results_of_earlier_versions_are_compared_by_what_they_say(two):
    for symbol in PRICES:
        age(two / "results" / symbol)
    results = read_results(two)
    assert all(result.fingerprint is None for result in results.values())
    assert describe_directory(two).state == FINISHED
    qmac.resume(two)


def test_prices_of_an_earlier_result_that_cannot_be_read_are_not_compared(two):
    age(two / "results" / "AAA")
    (two / "prices" / "AAA.parquet").write_bytes(b"PAR1")
    assert qmac.load(two / "results" / "AAA").best is not None


@pytest.mark.parametrize("name", ["run.json", "result.json"])
def test_a_grid_that_was_changed(two, name):
    if name == "result.json":
        grid = json.loads((two / "results/AAA/result.json").read_text())["grid"]
        change(two / "results" / "AAA", grid={**grid, "buy_fast": [2, 3, 4]})
    else:
        header = json.loads((two / "run.json").read_text())
        header["fingerprint"]["grid"]["buy_fast"] = [2, 3, 4]
        header["checksum"] = compute_checksum(header)
        (two / "run.json").write_text(json.dumps(header))
    with pytest.raises(ResultError, match=r"of another run: grid.buy_fast is "):
        qmac.load(two / "results" / "AAA")


def test_a_directory_that_was_renamed(two):
    (two / "results" / "AAA").rename(two / "results" / "CCC")
    assert qmac.load(two / "results" / "CCC").prices["name"] == "AAA"  # compared with AAA
    (two / "results" / "BBB").rename(two / "results" / "AAA")
    with pytest.raises(ResultError, match="is the result of BBB, not of AAA"):
        qmac.load(two / "results" / "AAA")


def test_a_symbol_that_the_run_does_not_have(runs, two):
    prices = json.loads((two / "results/AAA/result.json").read_text())["prices"]
    shutil.copytree(two / "results" / "AAA", two / "results" / "CCC")
    change(two / "results" / "CCC", prices={**prices, "name": "CCC"})
    with pytest.raises(ResultError, match="is the result of CCC, which is no symbol of"):
        qmac.load(two / "results" / "CCC")


def test_a_folder_of_another_program_is_no_run(runs, tmp_path):
    saved = qmac.load(runs / "two" / "results" / "AAA").save(tmp_path / "results" / "AAA")
    (tmp_path / "run.json").write_text("{}")
    assert qmac.load(saved).best is not None


@pytest.mark.parametrize("name", ["top.parquet", "arrays.npz"])
def test_files_of_another_result(two, name):
    shutil.copy(two / "results" / "BBB" / name, two / "results" / "AAA" / name)
    with pytest.raises(ResultError, match=f"{name} is damaged: its checksum differs"):
        qmac.load(two / "results" / "AAA")


def test_a_result_is_no_run_to_resume(two):
    place = two / "results" / "AAA"
    with pytest.raises(ResultError, match=rf"{place} holds a result, which is finished, .* show"):
        qmac.resume(place)


def test_prices_of_another_symbol(two):
    shutil.copy(two / "prices" / "BBB.parquet", two / "prices" / "AAA.parquet")
    with pytest.raises(ResultError, match=r"AAA.parquet was changed"):
        read_results(two)["AAA"].series  # noqa: B018


@pytest.mark.parametrize(
    "entries",
    [
        {"objective": "win_rate"},
        {"maximize": False},
        {"constraints": {"max_drawdown": [-0.5, None]}},
        {"top": 3},
        {"grid": {**GRID.to_dict(), "buy_fast": [2, 3, 4]}},
        {"grid": qmac.Grid(windows=range(3, 10)).to_dict()},
    ],
)
def test_a_result_that_was_saved_alone_contradicts_a_header_that_was_changed(
    runs, tmp_path, entries
):
    path = qmac.load(runs / "two" / "results" / "AAA").save(tmp_path / "alone")
    assert qmac.load(path).fingerprint == qmac.load(runs / "two" / "results" / "AAA").fingerprint
    change(path, **entries)
    with pytest.raises(ResultError, match="contradicts itself"):
        qmac.load(path)


def test_prices_of_a_result_that_was_saved_alone(runs, tmp_path):
    one, other = (
        qmac.load(runs / "two" / "results" / symbol).save(tmp_path / symbol) for symbol in PRICES
    )
    shutil.copy(other / "prices.parquet", one / "prices.parquet")
    with pytest.raises(ResultError, match=r"prices.parquet is damaged: its checksum differs"):
        qmac.load(one)
    headers = [json.loads((path / "result.json").read_text()) for path in (one, other)]
    file = {"prices.parquet": headers[1]["checksums"]["prices.parquet"]}
    change(one, checksums=headers[0]["checksums"] | file)
    with pytest.raises(ResultError, match=r"prices.parquet holds other prices"):
        qmac.load(one).series  # noqa: B018


def test_what_a_header_says(two):
    directory = RunDirectory.open(two)
    header = json.loads((two / "results/AAA/result.json").read_text())
    identity = read_identity(header)
    assert identity == directory.header.identify(Task("AAA"))
    assert identity.checksum != directory.header.identify(Task("BBB")).checksum
    del header["kernels"]
    assert read_identity(header) is None


def test_what_a_result_answers_is_what_its_run_says(runs):
    directory = RunDirectory.open(runs / "two")
    result = read_results(runs / "two", "AAA")["AAA"]
    assert identify(result) == directory.header.identify(Task("AAA"))
    assert identify(dataclasses.replace(result, fingerprint=None)) is None
