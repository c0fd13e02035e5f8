"""What a sweep follows from, before and after prices are read."""

import pytest

from qmac.cli.options.job import JobOptions, _build_grid, _choose_executor, check_rank
from qmac.cli.options.tables import JOB, WINDOW_ROLES
from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits
from qmac.strategy.grid import Grid

DEFAULTS = {name: option.default for name, option in JOB.items()}


def test_an_unknown_order_of_rows():
    assert check_rank("plateau") == "plateau"
    with pytest.raises(OptionError, match="Did you mean 'plateau'"):
        check_rank("plato")


def test_windows_of_one_average_override_those_of_all():
    none = dict.fromkeys(WINDOW_ROLES)
    grid = _build_grid(windows="2:9", shared_windows=False, **none | {"buy_fast": "3,4"})
    assert grid == Grid("2:9", buy_fast="3,4")


def test_options_of_a_cluster_need_one():
    assert _choose_executor("threads", None, False)(Limits()) is None
    with pytest.raises(OptionError, match="--ray-address needs --executor ray, got threads"):
        _choose_executor("threads", "auto", False)
    with pytest.raises(OptionError, match="Did you mean 'ray'"):
        _choose_executor("rey", None, False)


def test_a_job_is_read_when_it_is_built():
    options = JobOptions(Limits(), DEFAULTS | {"sample": True, "windows": "2:9"})
    assert options.sample and options.prices is None
    assert len(options.build().prices) == 1
