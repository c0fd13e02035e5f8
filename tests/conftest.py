"""Profiles of the property tests, and fixtures that several tests share."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from helpers import general_kernel
from helpers.series import frame, ohlc, series
from hypothesis import HealthCheck, settings

import qmac
from qmac.jobs import series_sweep

settings.register_profile(
    "push",
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
settings.register_profile(
    "long", max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("push")

# a process that compiles what no test waits for would take CPUs from those that run
os.environ["QMAC_COMPILE_BESIDE"] = "0"
# no result of a test is among the last ones of whoever runs it, but where a test sets a directory
os.environ["QMAC_LAST_RESULTS"] = "0"
# those of the developer answer no test: a command without an argument reads the newest of them
os.environ["QMAC_RESULTS_DIR"] = str(Path(tempfile.gettempdir(), f"qmac-no-results-{os.getpid()}"))

# a shell ignores SIGINT for what a script starts in the background, and qmac would ignore it, too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    """Compile the general kernel while the workers collect, before they have a first question."""
    gc.disable()  # nothing that is collected is garbage
    is_worker = hasattr(config, "workerinput")
    if getattr(config.option, "numprocesses", None) and not is_worker:
        general_kernel.start_compiling()


def pytest_collection_finish():
    """Let no search for garbage look at 8,000 tests, which takes half a second each time."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def own_kernels(monkeypatch):
    """Answer each question by the kernel of its kind, in place of the general one."""
    monkeypatch.setattr(series_sweep, "choose_kernel", lambda series, grid, spec, executor: spec)


@pytest.fixture(scope="session")
def named() -> qmac.Prices:
    """Prices whose name a page must escape."""
    return qmac.Prices.of(frame(series("random", 500, 12)), "<script>alert(1)</script>&\"'")


@pytest.fixture(scope="session")
def swept(named: qmac.Prices) -> qmac.Result:
    return qmac.optimize(named, qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34)), top=60, min_trades=1)


@pytest.fixture(scope="session")
def swept_luck(swept: qmac.Result):
    """What random markets say about the best of ``swept``."""
    return swept.luck(19)


@pytest.fixture(scope="session")
def every(named: qmac.Prices, swept: qmac.Result) -> pd.DataFrame:
    """All metrics of all combinations of ``swept``, one by one."""
    return qmac.evaluate(
        named, [swept.grid.combination(index) for index in range(swept.grid.size)], swept.rules
    )


@pytest.fixture(scope="session")
def sample() -> qmac.Prices:
    return qmac.sample_prices()


@pytest.fixture(scope="session")
def market() -> tuple[qmac.Prices, qmac.Grid]:
    """Return a series with many ties and a grid of 20 windows."""
    return qmac.Prices.of(ohlc("ticks", 400, 5)), qmac.Grid(windows=range(2, 22))


@pytest.fixture(scope="session")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("prices") / "spy.csv"
    frame(series("random", 300, 4)).to_csv(path)
    return path


@pytest.fixture(scope="session")
def one_run(csv, tmp_path_factory):
    """The directory of a finished run of one symbol."""
    from helpers.terminal import inside

    out = tmp_path_factory.mktemp("runs") / "one"
    done = inside(
        "optimize", csv, "--windows", "2:30:3", "--out", out, "--top", 7, "--min-trades", 3
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def run_of_many(tmp_path_factory):
    """The directory of a finished run of two symbols; a third was left out."""
    from helpers.terminal import inside

    folder = tmp_path_factory.mktemp("many")
    data, out = folder / "data", folder / "runs" / "two"
    data.mkdir()
    for name, seed in (("AAA", 1), ("b c", 2)):
        frame(series("random", 200, seed)).to_csv(data / f"{name}.csv")
    (data / "BAD.csv").write_text("Date,Close\n2001-01-01,-1\n")
    done = inside(
        "optimize",
        data,
        "--windows",
        "2:12",
        "--objective",
        "sharpe_ratio",
        "--where",
        "win_rate > 0.1",
        "--out",
        out,
    )
    assert done.returncode == 3, done.stderr
    return out


@pytest.fixture
def vendors(tmp_path, monkeypatch):
    """A server for yfinance and ccxt, and an empty directory for copies."""
    pytest.importorskip("yfinance", reason="comes with qmac[yahoo]")
    pytest.importorskip("ccxt", reason="comes with qmac[crypto]")
    from helpers.vendors import send_exchange_to, send_yahoo_to, serve

    from qmac.data.sources import request_queue, yahoo

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("QMAC_DATA_DIR", str(tmp_path / "copies"))
    monkeypatch.setattr(request_queue, "BACKOFF_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(yahoo.Yahoo, "pause_seconds", 0.0)
    with serve() as server:
        send_yahoo_to(server, monkeypatch, tmp_path / "yfinance")
        send_exchange_to(server, monkeypatch)
        yield server


@pytest.fixture
def clock(monkeypatch):
    """Sets the time for sources and copies."""
    from qmac.data.sources import base

    def set_clock(text):
        monkeypatch.setattr(base, "utc_now", lambda: pd.Timestamp(text))

    set_clock("2024-03-15 12:00")
    return set_clock
