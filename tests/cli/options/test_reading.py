"""How prices are read, by what the command line says."""

import pytest

from qmac.cli.options.reading import build_reading, check_prices_source, find_symbols
from qmac.cli.options.tables import READING
from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits

DEFAULTS = {name: option.default for name, option in READING.items()}


def test_prices_come_from_one_source(tmp_path):
    check_prices_source([tmp_path], sample=False)
    check_prices_source(None, sample=True)
    with pytest.raises(OptionError, match="prices are missing"):
        check_prices_source([], sample=False)
    with pytest.raises(OptionError, match="--sample exclude each other"):
        check_prices_source([tmp_path], sample=True)


def test_an_error_names_the_option_as_it_is_typed():
    assert not build_reading(**DEFAULTS).is_strict
    with pytest.raises(OptionError, match="^--date-format must"):
        build_reading(**DEFAULTS | {"date_format": "tomorrow"})


def test_the_sample_is_one_symbol():
    reading = build_reading(**DEFAULTS)
    assert len(find_symbols(None, Limits(), reading, sample=True).prices) == 1
