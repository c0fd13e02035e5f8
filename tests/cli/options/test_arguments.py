"""The directory of a run as an argument: an error names it, and what to do."""

import pytest

from qmac.cli.options.arguments import check_answer, check_directory
from qmac.errors import ResultError


def test_a_directory_that_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    assert check_directory(tmp_path / "run") == tmp_path / "run"
    assert check_answer(tmp_path / "run") == tmp_path / "run"


@pytest.mark.parametrize("check", [check_directory, check_answer])
def test_another_path_is_an_error(check, tmp_path):
    (tmp_path / "prices.csv").write_text("Date,Close\n")
    with pytest.raises(ResultError, match="is a file, not a directory. Name a directory"):
        check(tmp_path / "prices.csv")
    with pytest.raises(ResultError, match="nowhere does not exist. Name a directory"):
        check(tmp_path / "nowhere")
