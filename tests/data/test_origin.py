"""What a reader says of what it took."""

import json
from dataclasses import replace

import pytest

from qmac.data.origin import LONGEST_NOTE, METADATA, MOST_METADATA, MOST_NOTES, Origin


def test_notes_are_there_once():
    origin = Origin("a", notes=("one",)).add_notes("two", "one")
    assert origin.notes == ("one", "two")
    assert origin.to_dict() == {"layout": "a", "close": "Close", "adjusted": None}


FULL = Origin("Stooq", "Last\x1b", True, ("one", "two"), {"High": "High is 0 in row 1."})


def test_metadata_say_the_same_again():
    read = Origin.from_metadata(FULL.to_metadata())
    assert read == replace(FULL, close="Last?")
    assert Origin.from_metadata({}) is None and Origin.from_metadata(None) is None


def test_metadata_are_bounded():
    long = replace(FULL, notes=("é\x1b" * 9999,) * 99, left_out={"High": "x" * 9999})
    (text,) = long.to_metadata().values()
    assert len(text) < MOST_METADATA
    read = Origin.from_metadata({METADATA: text})
    assert len(read.notes) == MOST_NOTES and max(map(len, read.notes)) == LONGEST_NOTE


GOOD = {"layout": "a", "close": "b", "adjusted": None, "notes": [], "left_out": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"layout": 5},
        {"close": None},
        {"adjusted": "yes"},
        {"notes": "x"},
        {"notes": [1]},
        {"left_out": []},
        {"left_out": {"High": None}},
        {"left_out": dict.fromkeys(map(str, range(99)), "")},
    ],
)
def test_metadata_that_are_damaged_say_nothing(changes):
    assert Origin.from_metadata({METADATA: json.dumps(GOOD).encode()}) == Origin("a", "b")
    assert Origin.from_metadata({METADATA: json.dumps(GOOD | changes).encode()}) is None


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"{}", b"[" * 9999, b'"' + b"x" * 2**18])
def test_metadata_that_are_no_json_say_nothing(text):
    assert Origin.from_metadata({METADATA: text}) is None
