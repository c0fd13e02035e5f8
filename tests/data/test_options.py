"""Options of reading: each refuses what it cannot be."""

import pytest

from qmac.data.options import DEFAULT, ReadOptions, check_zone
from qmac.errors import OptionError


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"separator": "semicolons"}, "separator must be one character"),
        ({"separator": "a"}, "separator must be"),
        ({"separator": "."}, "separator must be"),
        ({"decimal": ";"}, "decimal"),
        ({"timezone": "Mars/Base"}, "timezone 'Mars/Base' is not known"),
        ({"timezone": "../etc/passwd"}, "not known"),
        ({"date_format": "DD/MM"}, "date_format must have parts such as %Y"),
        ({"close": ""}, "close must be a text that is not empty"),
        ({"close": 5}, "close must be"),
        ({"sort": "yes"}, "sort must be"),
    ],
)
def test_bad_values(values, says):
    with pytest.raises(OptionError, match=says):
        ReadOptions(**values)


def test_names_of_separators():
    assert ReadOptions(separator="tab").separator == "\t"
    assert ReadOptions(separator=";").separator == ";"


def test_what_names_columns():
    assert not DEFAULT.names_columns
    assert ReadOptions(close="Last").names_columns
    assert not ReadOptions(sort=True).names_columns
    assert check_zone("UTC") == "UTC"
