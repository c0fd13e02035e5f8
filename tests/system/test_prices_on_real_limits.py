"""Reading prices in memory cgroups: within the limit, or refused by name; never killed."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest
from helpers.faults import LONG
from helpers.machine import MIB, Run, group

pytestmark = pytest.mark.slow
ROWS = 900_000 if LONG else 450_000
FILES = ["packed.csv.gz", "symbols.csv", "texts.parquet"]
FILES_OF_THE_LONG_RUN = ["plain.csv", "plain.parquet"]


def minutes(kind, path):
    close = 100 + np.cumsum(np.random.default_rng(1).normal(0, 0.001, ROWS)).round(4)
    index = pd.date_range("2015-01-05", periods=ROWS, freq="min", name="Date")
    columns = dict.fromkeys(("Open", "High", "Low", "Close"), close)
    frame = pd.DataFrame({**columns, "Volume": 1, "Trades": 7, "Turnover": 3.25}, index)
    if kind == "symbols.csv":
        frame = frame.assign(Symbol=np.repeat(["AAA", "BBB", "CCC"], ROWS // 3))
    if kind == "texts.parquet":
        frame.reset_index().astype({"Date": "str"}).to_parquet(path)
    elif kind.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path)


def run(path, limit):
    """Optimize the first year in a cgroup that the kernel guards."""
    with (
        group("memory", memory_limit_in_bytes=limit * MIB) as memory,
        Run("optimize", path, "--windows", "2:5", "--end", "2016-03-05", groups=[memory]) as child,
    ):
        child.code = child.end()
        assert child.kills == 0 and child.code >= 0, child.err
    assert child.peak <= 0.95 * limit * MIB
    return child


@pytest.mark.parametrize("kind", FILES + FILES_OF_THE_LONG_RUN * LONG)
def test_prices_are_read_within_a_limit_or_refused(kind, tmp_path):
    path = tmp_path / kind
    minutes(kind, path)
    refused = run(path, 260)
    assert refused.code == 2 and "Traceback" not in refused.err
    assert refused.peak < 230 * MIB
    needed = re.search(r"needs ([0-9.]+) MiB of memory.*Raise the limit to ([0-9]+) MiB",
                       refused.err)  # fmt: skip
    assert needed, refused.err
    read = run(path, int(1.1 * int(needed[2])))
    assert read.code == 0 or "The run needs" in read.err, read.err  # the prices were read
    print(f"{kind}: {(read.peak - refused.peak) / ROWS:.0f} bytes a row, {needed[0]}")


def test_a_bomb_is_refused(tmp_path):
    row = b"2001-01-01 00:00:00,131.25\n" * 40_000
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"Date,Close\n")
        for _ in range(300):
            file.write(row)
    refused = run(tmp_path / "bomb.csv.gz", 512)
    assert refused.code == 2 and "Raise the limit to" in refused.err, refused.err
