"""Files of answers: whole, checked, and refused in words."""

import pytest
from helpers.luck_answers import build_luck

from qmac.errors import ResultError, WriteError
from qmac.robustness.answer_file import check_seal, read_file, save_answer, seal, write_answer


def test_a_seal_shows_any_change():
    values = seal({"one": 1})
    check_seal(values)
    for changed in (values | {"one": 2}, values | {"more": 3}, values | {"format": 2}):
        with pytest.raises(ValueError, match="checksum"):
            check_seal(changed)
    with pytest.raises(ValueError, match="format is 2, not 1"):
        check_seal(seal({"format": 2}))
    with pytest.raises(KeyError):
        check_seal({})


def test_an_answer_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "luck.json"
    assert save_answer(build_luck(), path) == path
    write_answer(build_luck(seed=7), path)
    assert read_file(path, lambda values: values["luck"]["seed"], "again") == 7


def test_what_was_computed_otherwise_is_refused():
    """A file with a sound checksum, whose values do not lead to the digest in it."""
    values = build_luck().to_dict()
    assert list(values) == ["format", "luck", "answer", "checksum"]
    assert type(build_luck()).from_dict(values).digest == values["luck"]["digest"]
    del values["checksum"]
    values["answer"]["question"] = "another"
    with pytest.raises(ValueError, match="digest differs"):
        type(build_luck()).from_dict(seal(values))


def test_files_that_are_refused(tmp_path):
    path = tmp_path / "luck.json"
    with pytest.raises(ResultError, match="there is no such file"):
        read_file(path, dict, "again")
    path.write_text("{")
    with pytest.raises(ResultError, match=r"luck\.json is damaged.*\n?.*again"):
        read_file(path, dict, "again")
    with pytest.raises(WriteError):
        save_answer(build_luck(), tmp_path / "luck.json" / "inside")
    path.write_text("{}")
    with pytest.raises(MemoryError):  # a fault of the machine, not of the file
        read_file(path, run_out_of_memory, "again")


def run_out_of_memory(values):
    raise MemoryError
