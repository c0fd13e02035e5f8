"""What the system refuses: mistakes of the user and faults of the machine."""

import errno
import json
import zipfile

import pytest

from qmac.errors import OptionError, WriteError
from qmac.storage import files
from qmac.storage.refusals import describe_damage, describe_refusal, is_fault


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM"])
def test_another_name_does_not_help_against_a_fault(name):
    assert is_fault(OSError(getattr(errno, name), "refused"))


@pytest.mark.parametrize("name", ["EACCES", "EPERM", "ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"])
def test_another_name_helps_against_a_mistake(name):
    assert not is_fault(OSError(getattr(errno, name), "refused"))


def test_a_damaged_file_is_no_fault_and_no_memory_is_one():
    assert not is_fault(OSError("Couldn't deserialize thrift"))  # as pyarrow raises it
    assert not is_fault(ValueError("x"))
    assert is_fault(MemoryError())


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room, or name another file."),
        (errno.EIO, "See to the disk, or name another file."),
        (errno.EMFILE, "Allow more of them: ulimit -n."),
        (errno.EACCES, "Name another file."),
    ],
)
def test_the_advice_fits_the_reason(number, advice):
    error = describe_refusal("out.csv", OSError(number, "Failed. Detail: [errno 28]"), "file")
    assert isinstance(error, WriteError)
    assert str(error).startswith("out.csv cannot be written: ")
    assert str(error).endswith(advice) and "Detail" not in str(error)


DAMAGE = [
    (KeyError("prices"), "it has no entry 'prices'"),
    (EOFError(), "it is cut off, or bytes of it were changed"),
    (zipfile.BadZipFile("File is not a zip file"), "it is cut off, or bytes of it were changed"),
    (json.JSONDecodeError("Expecting value", "", 0), "its text is not what qmac writes"),
    (TypeError("unhashable type"), "its content is not what qmac writes"),
    (OptionError("top must be in [1, 9], got 0."), "top must be in [1, 9], got 0"),
    (FileNotFoundError(errno.ENOENT, "No such file", "a/top.parquet"), "top.parquet: No such file"),
    (files.RefusedFileError(errno.EPERM, "lock is a pipe", "a/lock"), "lock is a pipe"),
    (OSError("footer\x1b"), "footer?"),
    (ValueError(), "its content is not what qmac writes"),
]


@pytest.mark.parametrize(("error", "words"), DAMAGE, ids=lambda value: type(value).__name__)
def test_damage_is_described_in_words(error, words):
    assert describe_damage(error) == words
