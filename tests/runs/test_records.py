"""Records of resamples: appended, checked line by line, and of one question only."""

import errno
import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError, ResultError, WriteError
from qmac.runs import records as records_module
from qmac.runs.records import RESAMPLES, Record, RecordFile
from qmac.storage.json_text import compute_checksum

QUESTION = {"seed": 1, "objective": "total_return", "grid": {"windows": [2, 3]}}
RECORDS = [
    Record("shuffle", 0, 0.125),
    Record("mirror", 0, -math.inf),
    Record("shuffle", 2, 0.1 + 0.2),
    Record("shuffle", 1, -1.0),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "luck" / "SPY" / "records.jsonl"


def write(path, records, question=QUESTION):
    file = RecordFile(path, question, RESAMPLES)
    with file.opened():
        for record in records:
            file.add(record)


def read(path, question=QUESTION):
    return RecordFile(path, question, RESAMPLES).read()


def test_what_is_written_is_read(path):
    assert read(path) == []
    write(path, RECORDS[:1])
    assert read(path) == RECORDS[:1]
    write(path, RECORDS[1:])
    assert read(path) == RECORDS


def test_seconds_of_all_processes_are_counted(path, monkeypatch):
    now = 0.0
    monkeypatch.setattr(records_module.time, "monotonic", lambda: now)
    for number in range(3):
        file = RecordFile(path, QUESTION, RESAMPLES)
        assert len(file.read()) == number and file.elapsed == 5 * number
        with file.opened():
            now += 5
            file.add(RECORDS[number])
            file.write_pending()
            now += 2  # for nothing: the next process does not know of them
            assert len(file.read()) == number + 1
            assert file.elapsed == 5 * number + 7
    earlier = path.read_text().replace('"s":', '"seconds":')
    path.write_text(earlier)
    assert read(path) == []  # not what its checksum says


def test_records_of_earlier_versions_have_no_seconds(path):
    write(path, [])
    values = {"null": "shuffle", "number": 0, "score": 0.125}
    values["checksum"] = compute_checksum(values)[:16]
    with path.open("a") as file:
        file.write(json.dumps(values) + "\n")
    file = RecordFile(path, QUESTION, RESAMPLES)
    assert file.read() == RECORDS[:1] and file.elapsed == 0


def test_a_record_has_at_most_110_bytes(path):
    write(path, [])
    before = path.stat().st_size
    write(path, [Record("shuffle", number, -math.pi / 3e4) for number in range(99_000, 99_100)])
    assert path.stat().st_size - before <= 110 * 100


def test_pending_records_are_written_while_it_is_open(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = RecordFile(path, QUESTION, RESAMPLES)
    with file.opened():
        synced.clear()
        file.add(RECORDS[0])
        file.write_pending()
        assert read(path) == RECORDS[:1]
        assert not synced
        monkeypatch.setattr(records_module, "SYNC_SECONDS", 0.0)
        file.write_pending()
        assert synced
    assert read(path) == RECORDS[:1]


@given(cut=st.integers(1, 400))
def test_a_torn_end_is_passed_over_and_written_over(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "records.jsonl"
    write(path, RECORDS)
    text = path.read_bytes()
    header = text.index(b"\n") + 1
    path.write_bytes(text[: max(header, len(text) - cut)])
    left = read(path)
    assert left == RECORDS[: len(left)]
    write(path, RECORDS[len(left) :])
    assert read(path) == RECORDS


@pytest.mark.parametrize("number", range(1, 5))
def test_a_damaged_line_costs_its_record_only(path, number):
    write(path, RECORDS)
    lines = path.read_bytes().split(b"\n")
    lines[number] = lines[number].replace(b":", b";", 1)
    path.write_bytes(b"\n".join(lines))
    assert read(path) == [*RECORDS[: number - 1], *RECORDS[number:]]


@pytest.mark.parametrize(
    "line",
    [
        b'{"null":3,"number":1,"score":0.5}',
        b'{"null":"shuffle","number":true,"score":0.5}',
        b'{"null":"shuffle","number":-1,"score":0.5}',
        b'{"null":"shuffle","number":1,"score":NaN}',
        b'{"null":"shuffle","number":1,"score":"0.5"}',
        b"[" * 10_000,
        b"3",
        b"\xff",
    ],
)
def test_lines_that_nothing_wrote_are_passed_over(path, line):
    write(path, RECORDS)
    if line.startswith(b"{"):
        values = json.loads(line)
        values["checksum"] = records_module.compute_checksum(values)[:16]
        line = json.dumps(values).encode()
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert read(path) == RECORDS


def test_another_question_is_refused_by_name(path):
    write(path, RECORDS)
    read(path, QUESTION | {"grid": {"windows": (2, 3)}})
    with pytest.raises(ResultError, match=r"another question: seed is 1, not 2\."):
        read(path, QUESTION | {"seed": 2})
    with pytest.raises(ResultError, match="seed is 1, not 3, and 1 more"):
        read(path, {"seed": 3, "objective": "trades", "grid": {"windows": [2, 3]}})


@pytest.mark.parametrize("text", [b"", b"\n", b"{}\n", b"[]\n", b"\xff\n", b"[" * 10_000])
def test_a_first_line_that_is_damaged_is_refused(path, text):
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    with pytest.raises(ResultError, match="damaged"):
        read(path)


def test_a_first_line_that_was_changed_is_refused(path):
    write(path, RECORDS)
    path.write_bytes(path.read_bytes().replace(b'"seed": 1', b'"seed": 2', 1))
    with pytest.raises(ResultError, match="checksum differs"):
        read(path)


def test_a_link_is_not_followed(path, tmp_path):
    write(tmp_path / "other.jsonl", RECORDS)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "other.jsonl")
    with pytest.raises(ResultError, match="link"):
        read(path)
    with pytest.raises(WriteError, match="link"):
        write(path, RECORDS)


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_warned_of_once_and_tried_again(path, monkeypatch, recwarn):
    file = RecordFile(path, QUESTION, RESAMPLES)
    with file.opened():
        file.add(RECORDS[0])
        with monkeypatch.context() as full:
            full.setattr(os, "write", refuse)
            for _ in range(3):
                file.write_pending()
            full.setattr(records_module, "SYNC_SECONDS", 0.0)
            file.write_pending()
        file.add(RECORDS[1])
    (warning,) = recwarn
    text = f"{path} (No space left on device); they are tried again, and the run continues."
    assert str(warning.message) == f"resamples could not be written to {text}"
    assert read(path) == RECORDS[:2]


def test_records_that_cannot_be_written_at_the_end_are_an_error(path, monkeypatch):
    file = RecordFile(path, QUESTION, RESAMPLES)
    with pytest.raises(WriteError, match="No space left"), file.opened():
        file.add(RECORDS[0])
        monkeypatch.setattr(os, "write", refuse)


def test_what_is_pending_is_written_when_it_is_interrupted(path):
    file = RecordFile(path, QUESTION, RESAMPLES)
    with pytest.raises(KeyboardInterrupt), file.opened():
        file.add(RECORDS[0])
        raise KeyboardInterrupt
    assert read(path) == RECORDS[:1]


def test_a_refusal_before_any_record_leaves_no_file(path, tmp_path):
    file = RecordFile(path, QUESTION, RESAMPLES)
    with pytest.raises(OptionError), file.opened():
        raise OptionError("memory must be more. Free some.")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError), file.opened():
        file.add(RECORDS[0])
        raise OptionError("memory must be more. Free some.")
    assert read(path) == RECORDS[:1]
    with pytest.raises(OptionError), file.opened():  # of an earlier process
        raise OptionError("memory must be more. Free some.")
    assert read(path) == RECORDS[:1]
