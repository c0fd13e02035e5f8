"""What it costs to read a CSV file of prices, beside pandas alone.

python -m benchmarks.reading [--rounds 5] [--rows 10000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import qmac
from benchmarks.measuring import Section, ratios, spread

DAYS, MINUTES = 5_000, 1_000_000


def write(path: Path, rows: int) -> None:
    """Write days of bars, or minutes around the clock."""
    random = np.random.default_rng(0)
    unit = "B" if rows <= DAYS else "min"
    index = pd.date_range("2000-01-03", periods=rows, freq=unit, name="Date")
    close = (100 * np.exp(np.cumsum(random.normal(0, 0.01 / rows**0.25, rows)))).round(2)
    bars = {"Open": close, "High": close + 1, "Low": close - 1, "Close": close}
    frame = pd.DataFrame({**bars, "Volume": random.integers(1, 10**6, rows)}, index=index)
    frame.to_csv(path)


def read_plain(path: Path) -> np.ndarray:
    """Return the closes by pandas alone: no check, and nothing said."""
    frame = pd.read_csv(path, index_col="Date", parse_dates=["Date"])
    closes: np.ndarray = frame["Close"].to_numpy(np.float64)
    return closes


def measure(rounds: int = 5, rows: int = MINUTES) -> Section:
    """Return the section of docs/benchmarks.md."""
    section = Section(
        "reading",
        "Reading a CSV file of prices",
        "Seconds until prices are checked, with all warnings, beside `pandas.read_csv` with dates "
        "parsed, which checks nothing; in turn, closes equal.",
        ("bars", "qmac", "pandas", "over pandas"),
    )
    with tempfile.TemporaryDirectory() as folder:
        for count in (DAYS, rows):
            path = Path(folder, f"{count}.csv")
            write(path, count)
            ours, plain = [], []
            for number in range(rounds + 1):
                began = time.perf_counter()
                prices = qmac.read_prices(path)
                assert prices.warnings is not None
                read = time.perf_counter()
                closes = read_plain(path)
                if number > 0:  # the first one imports
                    ours.append(read - began)
                    plain.append(time.perf_counter() - read)
                assert np.array_equal(prices.close, closes)
            row = (f"{count:,}", spread(ours, 4), spread(plain, 4), spread(ratios(ours, plain), 2))
            section.rows.append(row)
    return section


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=MINUTES)
    arguments = parser.parse_args()
    print(measure(arguments.rounds, arguments.rows).markdown())
