"""What was read is said: plain values, lines for people, warnings and how many more there are."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import qmac
from qmac.data.description import (
    check_warnings,
    describe_prices,
    format_bars,
    format_many,
    format_origin,
    shorten_list,
    warn_of_prices,
)
from qmac.data.origin import LONGEST_NOTE, MOST_NOTES, Origin
from qmac.errors import PricesError, PricesWarning


def read(closes=(100.0, 101, 102), name="SPY", origin=None, zone=None):
    index = pd.date_range("2024-01-02", periods=len(closes), freq="B", tz=zone)
    frame = pd.DataFrame({"Close": np.array(closes, float)}, index=index)
    return qmac.Prices(frame, name, origin or Origin("Stooq", "Close", False))


SPLIT = (400.0, 404, 408, 103, 104, 105)


def test_plain_values():
    facts = describe_prices(read(zone="America/New_York"))
    assert json.loads(json.dumps(facts)) == {
        "layout": "Stooq",
        "close": "Close",
        "adjusted": False,
        "bars": 3,
        "first": "2024-01-02 00:00:00-05:00",
        "last": "2024-01-04 00:00:00-05:00",
        "zone": "America/New_York",
        "bars_per_year": 252.0,
        "basis": "",
        "warnings": [],
    }
    assert describe_prices(read())["zone"] is None


def test_a_split_is_a_warning_that_names_its_row():
    (text,) = describe_prices(read(SPLIT))["warnings"]
    assert text.startswith("SPY: row 4 (2024-01-05) closes at 103 after 408")


@pytest.mark.filterwarnings("error")
def test_one_bar_has_none():
    assert describe_prices(read([100]))["warnings"] == []


def test_lines():
    facts = describe_prices(read())
    assert format_origin(facts) == "read as Stooq, closes from Close, not adjusted"
    assert format_bars("SPY", facts) == "SPY, 3 bars 2024-01-02 to 2024-01-04, 252 bars a year"
    minutes = facts | {"basis": "390 bars a session"}
    assert format_bars("SPY", minutes).endswith("252 bars a year (390 bars a session)")
    assert format_origin({"bars": 3}) == ""  # a result of an earlier version


def test_lines_for_many():
    one, other = describe_prices(read()), describe_prices(read(SPLIT))
    other |= {"layout": "Tiingo", "adjusted": True}
    assert format_many([one, one, other]) == [
        "3 symbols of 3 to 6 bars, 2024-01-02 to 2024-01-09",
        "read as Stooq, Tiingo, adjusted / not adjusted",
    ]
    kinds = [one | {"layout": str(number)} for number in range(9)]
    assert format_many(kinds)[1] == "read as 0, 1, 2, 6 more, not adjusted"
    assert len(format_many([one, {"bars": 3, "first": "2001", "last": "2002"}])) == 1


def test_text_of_files_is_bounded_and_printable():
    notes = (*(f"note {number}" for number in range(50)), "never")
    hostile = Origin("a", "C\x1b[2J" * 100, notes=("x\x1b" * 1000, *notes))
    facts = describe_prices(read(origin=hostile))
    assert len(facts["warnings"]) == MOST_NOTES and facts["close"].isprintable()
    assert all(text.isprintable() and len(text) <= LONGEST_NOTE for text in facts["warnings"])
    assert len(facts["close"]) <= 60 and facts["warnings"][0].endswith("...")


def test_many_warnings_are_counted():
    assert shorten_list(["a\n"] * 5) == ["a?"] * 5
    assert shorten_list(list("abcdef")) == [*"abcde", "1 more warning: qmac prices shows all"]
    assert shorten_list("abcdefg")[-1] == "2 more warnings: qmac prices shows all"


def test_warnings_are_issued_or_raised():
    series = [read(SPLIT, name) for name in "ABCDEFG"]
    with pytest.warns(PricesWarning) as issued:
        warn_of_prices(series)
    assert len(issued) == 6 and "2 more warnings" in str(issued[-1].message)
    assert issued[0].filename == __file__
    with pytest.raises(PricesError, match=r"^A: row 4 .* \(6 more warnings: .*\) Correct it\.$"):
        check_warnings(series, "Correct it.")
    check_warnings([read()], "Correct it.")


def test_read_prices_warns_of_a_file_or_refuses_it(tmp_path):
    path = tmp_path / "spy.csv"
    read(SPLIT).frame.to_csv(path, index_label="Date")
    with pytest.warns(PricesWarning, match=r"^spy: row 4") as issued:
        prices = qmac.read_prices(path)
    assert issued[0].filename == __file__ and len(prices.warnings) == 1
    with pytest.raises(PricesError, match=r"row 4 .* read it without strict"):
        qmac.read_prices(path, strict=True)


def test_read_prices_takes_the_options_by_name(tmp_path):
    path = tmp_path / "spy.txt"
    path.write_text("02.01.2024|1,5|7\n03.01.2024|1,6|7\n")
    options = {"columns": "date,close,-", "separator": "pipe", "decimal": ","}
    prices = qmac.read_prices(path, date_format="%d.%m.%Y", timezone="Europe/Berlin", **options)
    assert prices.close.tolist() == [1.5, 1.6]
    assert prices.origin.layout == "columns as the options say"


def test_optimize_warns_of_frames_and_not_twice_of_prices():
    grid, frame = qmac.Grid(windows=(2, 3, 4, 5)), read(SPLIT * 3).frame
    with pytest.warns(PricesWarning, match="row 4") as issued:
        result = qmac.optimize(frame, grid)
    assert issued[0].filename == __file__
    assert [str(each.message) for each in issued] == result.prices["warnings"]
    with pytest.warns(PricesWarning, match="^A: row 4"):
        qmac.optimize_many({"A": frame}, grid)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PricesWarning)
        again = qmac.optimize(read(SPLIT * 3, "prices"), grid)
    assert again.prices["warnings"] == result.prices["warnings"]
