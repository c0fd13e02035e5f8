"""A header is what was written, or refused: one of a stranger too, whose checksum fits."""

import json
import re

import pytest
from helpers.run_directories import ASKED, created

from qmac.errors import ResultError
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER, changes, checksum

ENTRY = {"bars": 300, "sha256": "0" * 64}
WHOLE = {
    "format": 1,
    "qmac": "9",
    "asked": ASKED,
    "prices": {"SPY": ENTRY},
    "left_out": {"QQQ": "why"},
    "save_grid": None,
}


@pytest.fixture
def directory(tmp_path):
    return created(tmp_path / "run")


def test_no_run(tmp_path):
    with pytest.raises(ResultError, match=r"there is no run\.json"):
        RunDirectory.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot be read"):
        RunDirectory.open(tmp_path / "file")


def test_a_header_is_what_was_written_or_refused(directory):
    path, header = directory.path / HEADER, directory.header
    data = path.read_bytes()
    refused = 0
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            assert RunDirectory.open(directory.path).header == header  # white space
        except ResultError:
            refused += 1
    assert refused > 0.8 * len(data)
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(ResultError, match="damaged"):
            RunDirectory.open(directory.path)


def signed(header):
    return {**header, "checksum": checksum(header)}


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "7", '"text"', "{}", "[" * 100_000, '{"checksum": null}', "NaN", "\0",
        json.dumps(signed({})),
        json.dumps(signed({"format": "x", "qmac": "9", "asked": ASKED, "prices": {}})),
        json.dumps(signed({"format": 1, "asked": ASKED})),
        json.dumps(signed({"format": 1, "qmac": "9", "asked": [], "prices": {}, "left_out": {}})),
        json.dumps(signed({"format": 1, "qmac": "9", "asked": {}, "prices": [], "left_out": {}})),
        json.dumps(signed({"format": 1, "qmac": "9", "asked": {}, "prices": {}, "left_out": 0})),
    ],
)  # fmt: skip
def test_strange_headers_are_refused(directory, text):
    (directory.path / HEADER).write_text(text)
    with pytest.raises(ResultError, match="damaged|changed|is no header"):
        RunDirectory.open(directory.path)


def test_a_newer_format_says_to_update(directory):
    header = {name: value for name, value in directory.header.items() if name != "checksum"}
    (directory.path / HEADER).write_text(json.dumps(signed(header | {"format": 99, "qmac": "9.9"})))
    with pytest.raises(ResultError, match=r"written by qmac 9\.9\. Update qmac"):
        RunDirectory.open(directory.path)


def without(name):
    return {key: value for key, value in ASKED.items() if key != name}


@pytest.mark.parametrize(
    ("wrong", "changed"),
    [
        *((name, {"asked": without(name)}) for name in ASKED),
        ("averages", {"asked": ASKED | {"averages": 3}}),
        ("maximize", {"asked": ASKED | {"maximize": "yes"}}),
        ("top", {"asked": ASKED | {"top": 2.5}}),
        ("grid", {"asked": ASKED | {"grid": {"windows": [2, 3]}}}),
        ("grid", {"asked": ASKED | {"grid": ASKED["grid"] | {"buy_slow": [2, "3"]}}}),
        ("constraints", {"asked": ASKED | {"constraints": {"win_rate": 0.5}}}),
        ("prices", {"prices": {}}),
        ("prices", {"prices": {"SPY": 7}}),
        ("prices", {"prices": {"SPY": {"bars": 300}}}),
        ("left_out", {"left_out": {"QQQ": 7}}),
        ("save_grid", {"save_grid": 7}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(directory, wrong, changed):
    (directory.path / HEADER).write_text(json.dumps(signed(WHOLE)))
    assert RunDirectory.open(directory.path).names == ["SPY"]
    (directory.path / HEADER).write_text(json.dumps(signed(WHOLE | changed)))
    with pytest.raises(ResultError, match=f"is no header of a run: {wrong}. Begin"):
        RunDirectory.open(directory.path)


def test_what_a_stranger_wrote_moves_no_cursor(directory):
    (directory.path / HEADER).write_text(
        json.dumps(signed(WHOLE | {"format": 99, "qmac": "9\x1b[2J\nqmac: done"}))
    )
    with pytest.raises(ResultError, match=r"written by qmac 9\?\[2J\?qmac: done\. Update"):
        RunDirectory.open(directory.path)


def test_changes_name_what_changed():
    kept = {"rules": {"fees": 0.1, "end": None}, "top": 5, "grid": list(range(100))}
    assert changes(kept, json.loads(json.dumps(kept))) == []
    assert changes(kept, kept | {"top": 6}) == ["top is 5, asked is 6"]
    assert changes(kept, kept | {"rules": {"fees": 0.2, "end": "2001"}}) == [
        "rules.fees is 0.1, asked is 0.2", 'rules.end is null, asked is "2001"',
    ]  # fmt: skip
    assert changes(kept, kept | {"grid": []}) == ["grid is 0:99, asked is []"]
    words = {"text": "x" * 100}
    assert re.fullmatch(
        r'text is "x+ \.\.\. \(102 characters\), asked is null', changes(words, {})[0]
    )
    assert changes({"prices": {"A": "x"}}, {"prices": {"B": "y"}}) == [
        'prices.A is "x", asked is null', 'prices.B is null, asked is "y"',
    ]  # fmt: skip


def test_lists_that_begin_and_end_alike_are_told_apart():
    kept, asked = ([2, 3, 4, middle, 11, 12, 14, 15, 16, 90] for middle in (6, 7))
    assert changes({"windows": kept}, {"windows": asked}) == ["windows holds 6 where asked is 7"]
