"""The table of a run of many symbols: read in place of results, while these have not changed."""

import json
import os
from dataclasses import asdict

import pytest
from helpers.series import frame, series

import qmac
from qmac.cli.commands.results import print_luck_hint
from qmac.errors import OptionError
from qmac.jobs.listing import describe_directory
from qmac.report.sections.symbols import build_symbols
from qmac.results import outline, reader
from qmac.results.outline import OUTLINES, Outline, OutlineTable
from qmac.results.reader import read_results
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task

GRID = qmac.Grid(windows=range(2, 12))
FRAMES = {name: frame(series("random", 200, seed)) for seed, name in enumerate("ABCDE")}


@pytest.fixture
def path(tmp_path):
    qmac.optimize_many(FRAMES, GRID, top=5, threads=2, out=tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def read(monkeypatch):
    """Names of the results that are read in full."""
    names, load = [], reader._load
    monkeypatch.setattr(
        reader, "_load", lambda *arguments: (names.append(arguments[0].name), load(*arguments))[1]
    )
    return names


def test_lists_of_many_symbols_read_no_result_in_full(path, read, monkeypatch):
    results = read_results(path)
    assert list(results.winners.index) == list("ABCDE")
    assert results.summary()["digests"].keys() == FRAMES.keys()
    opened = []
    look = outline.read_bytes
    monkeypatch.setattr(outline, "read_bytes", lambda *each: (opened.append(each), look(*each))[1])
    monkeypatch.setattr("qmac.jobs.listing.read_summary", None)
    assert describe_directory(path).done == 5
    assert len(opened) == 1
    assert read == []
    print_luck_hint(results, "total_return", ["run"], 2)
    assert read == []
    assert len(build_symbols(results).rows) == 5
    assert read == ["A"]  # for the settings of all


def test_what_is_shown_is_what_results_in_full_show(path):
    shown, listed = read_results(path), describe_directory(path)
    page, summary = build_symbols(shown), shown.summary()
    (path / OUTLINES).unlink()
    in_full = read_results(path)
    assert summary == in_full.summary()
    assert shown.winners.equals(in_full.winners)
    assert str(page.rows) == str(build_symbols(in_full).rows)
    assert listed == describe_directory(path)


@pytest.mark.parametrize("name", ["result.json", "top.parquet", "arrays.npz"])
def test_a_result_that_was_changed_is_read_in_full(path, read, name):
    file = path / "results" / "B" / name
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert len(read_results(path).winners) == 5
    assert read == ["B"]


def test_a_result_of_the_same_symbol_from_another_run_is_not_taken(path, tmp_path, read):
    qmac.optimize_many(FRAMES, GRID, top=6, threads=2, out=tmp_path / "other")
    (tmp_path / "other" / OUTLINES).write_bytes((path / OUTLINES).read_bytes())
    for symbol in FRAMES:
        for file in (path / "results" / symbol).iterdir():
            status, twin = file.stat(), tmp_path / "other" / "results" / symbol / file.name
            os.utime(twin, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read_results(tmp_path / "other").winners["total_return"].notna().all()
    assert set(read) == FRAMES.keys()


def edited(line, **changes):
    return json.dumps(json.loads(line) | changes).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[: len(line) // 2],
        lambda line: edited(line, outline=json.loads(line)["outline"] | {"digest": "0" * 64}),
        lambda line: edited(line, files=None),
        lambda line: b"[]",
        lambda line: b'{"key": "B"}',
        lambda line: b"\xff" * 9,
        lambda line: b"[" * 100_000,
    ],
    ids=["torn", "edited", "no files", "a list", "no more", "no text", "deep"],
)
def test_a_damaged_line_costs_a_result_in_full_and_nothing_else(path, read, damage):
    lines = (path / OUTLINES).read_bytes().splitlines()
    (place,) = (number for number, line in enumerate(lines) if json.loads(line)["key"] == "B")
    lines[place] = damage(lines[place])
    (path / OUTLINES).write_bytes(b"\n".join(lines))
    assert len(read_results(path).winners) == 5
    assert read == ["B"]


def test_the_last_line_of_a_result_counts(path):
    table, task = OutlineTable(RunDirectory.open(path)), Task("C")
    first = table.find(task)
    table.add(task, Outline(**asdict(first) | {"digest": "1" * 64}))
    assert OutlineTable(RunDirectory.open(path)).find(task).digest == "1" * 64


def test_a_table_that_cannot_be_written_stops_nothing(tmp_path):
    path = tmp_path / "run"
    qmac.optimize_many(dict(list(FRAMES.items())[:2]), GRID, out=path, threads=1)
    (path / OUTLINES).unlink()
    (path / OUTLINES).symlink_to("/dev/full")
    OutlineTable(RunDirectory.open(path)).add(Task("A"), read_results(path).outline("A"))
    assert len(read_results(path).winners) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"best": {}},
        {"best": 1},
        {"hold": {}},
        {"failed": [1]},
        {"digest": None},
        {"median": "0"},
        {"prices": {"name": 1}},
    ],
)
def test_an_outline_of_a_file_that_is_not_trusted_is_checked(change):
    result = qmac.optimize(FRAMES["A"], GRID, top=5)
    values = asdict(Outline.from_result(result))
    assert Outline.from_dict(values) == Outline.from_result(result)
    with pytest.raises(OptionError):
        Outline.from_dict(values | change)
