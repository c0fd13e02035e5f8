"""A job file on the command line: what it sets, and what overrides it."""

from pathlib import Path

import pytest

from qmac.cli.options.job_file import _find_job_file, _overridden
from qmac.errors import OptionError


def test_one_job_file_among_the_prices():
    assert _find_job_file([Path("spy.csv"), Path("job.TOML")]) == Path("job.TOML")
    assert _find_job_file([Path("spy.csv")]) is None
    with pytest.raises(OptionError, match="a.toml and b.toml exclude each other"):
        _find_job_file([Path("a.toml"), Path("b.toml")])


def test_prices_and_windows_replace_all_of_the_file():
    assert _overridden({"sample", "top"}) == {"sample", "prices", "top"}
    assert {"buy_fast", "sell_slow"} <= _overridden({"windows"})
