"""Jobs of one series or many: each task is done once, whatever interrupts it."""

import dataclasses
import errno
import json
import os
import re
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from helpers.faults import GRID, PRICES, Halt, halted, halting, let_time_pass, slow
from helpers.series import frame, ohlc, series
from helpers.stopwatch import Stopwatch
from helpers.terminal import inside
from helpers.terminal import qmac as command

import qmac
from qmac.data.symbols import Symbols
from qmac.errors import OptionError, ResultError, Stopped
from qmac.jobs import monitor, runner, top_rows
from qmac.jobs.job import build_job
from qmac.results import reader
from qmac.runs.directory import PROGRESS, RunDirectory
from qmac.runs.header import HEADER
from qmac.runs.tasks import Task
from qmac.runtime.execution import ledger, threads
from qmac.runtime.monitoring import progress_log
from qmac.runtime.resources.admission import Headroom, MemoryRefusal, Refusal
from qmac.runtime.resources.probes import Probe
from qmac.storage import atomic
from qmac.strategy.request import check_request

pytestmark = pytest.mark.slow

BARS = ohlc("random", 300, 4)
SMALL = qmac.Grid(windows=range(2, 12))


@pytest.fixture(scope="module")
def digest():
    return qmac.optimize(PRICES, GRID, top=20).digest


@pytest.fixture
def slowly(monkeypatch):
    slow(monkeypatch)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run directory with half of it done; copy it, do not touch it."""
    with pytest.MonkeyPatch.context() as patch:
        slow(patch)
        return halted(tmp_path_factory.mktemp("interrupted") / "run")


@pytest.fixture
def copy(interrupted, tmp_path):
    return Path(shutil.copytree(interrupted, tmp_path / "copy"))


def snapshots(path):
    return sorted((path / "snapshots").iterdir(), reverse=True)


def states(path):
    return [json.loads(line)["state"] for line in (path / PROGRESS).read_text().splitlines()]


class Seen:
    """A listener that records each symbol, and its share when it was first shown."""

    def __init__(self):
        self.first = {}

    def __call__(self, status):
        self.first.setdefault(status.name, status.done / status.size)


# -- resuming


def test_an_interrupted_run_is_resumed(copy, digest):
    assert states(copy)[-1] == "interrupted" and len(snapshots(copy)) == 3
    seen = Seen()
    (result,) = qmac.resume(copy, threads=1, progress=seen).values()
    assert result.digest == digest and result.evaluated == GRID.size
    assert 0.3 < seen.first["prices"] < 1
    assert snapshots(copy) == [] and states(copy)[-1] == "finished"
    assert result.elapsed > 0.02  # of both processes


def test_a_run_that_is_complete_is_only_read(tmp_path, digest, monkeypatch):
    done = qmac.optimize(PRICES, GRID, top=20, out=tmp_path / "run")
    monkeypatch.setattr(runner, "sweep", None)
    log = (tmp_path / "run" / PROGRESS).read_bytes()
    for _ in range(2):
        assert qmac.resume(tmp_path / "run")["prices"].digest == done.digest == digest
    assert (tmp_path / "run" / PROGRESS).read_bytes() == log  # its date is that of the work
    assert qmac.load(tmp_path / "run").digest == digest
    assert not list(tmp_path.glob("**/*.part")) and not list(tmp_path.glob("run/results/.*"))


def test_a_listener_that_fails_and_fails_again_costs_nothing(tmp_path, monkeypatch):
    slow(monkeypatch, snapshots=1e9)
    assert len(snapshots(halted(tmp_path / "run"))) == 1  # the last one


def test_killed_after_a_result_and_before_all_else(tmp_path, copy):
    symbols = Symbols({"SPY": qmac.Prices.of(BARS, "SPY")}, {})
    job = build_job(symbols, check_request(SMALL, top=20))
    directory = runner.create_directory(job, tmp_path / "run", "float32")
    whole = runner.run(job, directory, qmac.Limits(), 2)["SPY"].digest
    (scores,) = (path for path in directory.result(Task("SPY")).iterdir() if path.is_dir())
    files_of = sorted(path.name for path in scores.iterdir())
    directory.scores(Task("SPY")).parent.mkdir(exist_ok=True)
    place = scores.rename(directory.scores(Task("SPY")))
    shutil.copy(snapshots(copy)[0], tmp_path / "run" / "snapshots")
    assert qmac.resume(tmp_path / "run")["SPY"].digest == whole
    assert sorted(path.name for path in scores.iterdir()) == files_of and not place.exists()
    assert snapshots(tmp_path / "run") == []


def test_a_symbol_with_a_lost_decimal_point_stops_no_other(tmp_path):
    wrong = BARS.copy()
    wrong.iloc[100] *= 1e8
    job = {"A": BARS, "B": wrong, "C": BARS.iloc[:-10]}
    with pytest.warns(UserWarning, match="left out: B: Close goes from .* in row 101"):
        results = qmac.optimize_many(
            job,
            grid=qmac.Grid(windows=range(2, 30, 2)),
            objective="sharpe_ratio",
            out=tmp_path / "run",
        )
    assert list(results) == ["A", "C"] and "Fix the price" in results.left_out["B"]


@pytest.mark.slow
def test_a_symbol_that_does_not_fit_stops_no_other(tmp_path):
    long = frame(series("random", 250_000, 1))
    long.index = pd.date_range("2001-01-01", periods=250_000, freq="min", name="Date")
    job = {"A": BARS, "B": long, "C": BARS.iloc[:-10]}
    limit = psutil.Process().memory_info().rss + 300 * 2**20  # of which the long one needs 700
    options = {"grid": qmac.Grid(windows=range(2, 45)), "limits": qmac.Limits(memory=limit)}
    options["objective"] = "sharpe_ratio"  # whose kernel another test of a long series uses
    path = tmp_path / "run"
    with pytest.warns(UserWarning, match="left out: B: "):
        results = qmac.optimize_many(job, **options, out=path)
    assert list(results) == ["A", "C"] and "MiB" in results.left_out["B"]
    with pytest.raises(OptionError, match="MiB"):
        qmac.optimize_many(job, **options, strict=True)
    assert list(qmac.resume(path)) == ["A", "B", "C"]  # with more memory


def test_what_does_not_fit_is_said_once_and_its_advice_is_enough(recwarn):
    """One limit concerns all symbols alike."""
    frames = {name: frame(series("random", 300, seed)) for seed, name in enumerate("ABC")}

    def sweep(memory):
        return qmac.optimize_many(frames, GRID, threads=2, limits=qmac.Limits(memory=memory))

    sweep(None)
    with pytest.raises(OptionError, match="Raise the limit to") as refused:
        sweep(psutil.Process().memory_info().rss)
    assert not [each for each in recwarn if "left out" in str(each.message)]
    (advised,) = re.findall(r"Raise the limit to (\d+) MiB", str(refused.value))
    results = sweep(f"{advised}MiB")
    assert list(results) == list(frames)


def test_symbols_that_do_not_fit_are_named_in_one_warning(monkeypatch):
    prepare = runner._TaskRunner._prepare
    frames = {f"S{seed}": frame(series("random", 300, seed)) for seed in range(9)}

    def refuse(self, task):
        needed = int(task.symbol[1:])
        if needed:
            raise MemoryRefusal(Refusal(Headroom(0, 2**30, "the limit"), 2**30, needed * 2**30))
        return prepare(self, task)

    monkeypatch.setattr(runner._TaskRunner, "_prepare", refuse)
    with pytest.warns(UserWarning, match="left out") as warned:
        results = qmac.optimize_many(frames, GRID, threads=2)
    (text,) = (str(each.message) for each in warned if "left out" in str(each.message))
    assert "left out: S1, S2, S3, S4, S5 and 3 more: The run needs 8 GiB" in text
    assert list(results) == ["S0"] and len(results.left_out) == 8


def test_a_damaged_file_of_prices_stops_no_other(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(Halt):
        qmac.optimize_many({"A": BARS, "B": BARS.iloc[:-5]}, SMALL, out=path, progress=halting(0.0))
    next((path / "prices").glob("A*")).write_bytes(b"nothing")
    with pytest.warns(UserWarning, match="left out: A"):
        assert list(qmac.resume(path)) == ["B"]


def test_a_symbol_that_is_left_out_loses_nothing(tmp_path, slowly):
    """What was half done when its prices could not be read, or did not fit, is resumed later."""
    path = tmp_path / "run"
    with pytest.raises(Halt):
        qmac.optimize_many(
            {"A": PRICES, "B": PRICES.tail(200)}, GRID, out=path, threads=2, progress=halting(0.4)
        )
    prices = next((path / "prices").glob("A*"))
    whole = prices.read_bytes()
    prices.write_bytes(b"nothing")
    for _ in range(2):
        with pytest.warns(UserWarning, match="left out: A"):
            assert list(qmac.resume(path, threads=2)) == ["B"]
        assert [kept.name for kept in (path / "snapshots").iterdir()] == ["of-A"]
    prices.write_bytes(whole)
    assert (
        qmac.resume(path, threads=2, progress=(seen := Seen()))["A"].digest
        == qmac.optimize(PRICES, GRID).digest
    )
    assert seen.first["A"] > 0.2
    assert list((path / "snapshots").iterdir()) == []


def test_a_run_is_interrupted_again_and_again(tmp_path, slowly, digest):
    path = halted(tmp_path / "run", 0.2)
    for share in (0.4, 0.6, 0.8):
        seen = Seen()

        def listen(status, seen=seen, share=share):
            seen(status)
            halting(share)(status)

        with pytest.raises(Halt):
            qmac.resume(path, threads=2, progress=listen)
        assert seen.first["prices"] > share - 0.25
    assert qmac.resume(path)["prices"].digest == digest


def test_a_limit_ends_a_run_that_is_resumed_later(tmp_path, monkeypatch, digest):
    slow(monkeypatch, 0.04)
    shares = [0.0]
    let_time_pass(monkeypatch, runner, lambda: shares[-1] > 0.1)
    with pytest.raises(Stopped, match=r"stopped at \d+\.\d%: max_time"):
        qmac.optimize(
            PRICES,
            GRID,
            top=20,
            out=tmp_path / "run",
            threads=1,
            limits=qmac.Limits(max_time="1h"),
            progress=lambda status: shares.append(status.done / status.size),
        )
    assert states(tmp_path / "run")[-1].startswith("stopped at ") and snapshots(tmp_path / "run")
    assert qmac.resume(tmp_path / "run")["prices"].digest == digest


def test_a_run_that_was_broken_off_while_its_best_rows_were_replayed_is_not_swept_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(top_rows, "PART_ROWS", 50)
    monkeypatch.setattr(top_rows, "PART_BARS", 1)
    monkeypatch.setattr(monitor, "LONG_FINISH_BARS", 1)
    whole, path = qmac.optimize(PRICES, GRID, top=200), tmp_path / "run"
    said = []

    def listen(status):
        said.append(status)
        if status.finishing == 0.5:
            raise Halt

    with pytest.raises(Halt):
        qmac.optimize(PRICES, GRID, top=200, out=path, progress=listen)
    assert [status.finishing for status in said if status.finishing is not None] == [0, 0.25, 0.5]
    assert len(snapshots(path)) == 1 and states(path)[-1] == "interrupted"
    assert progress_log.follow(path / PROGRESS, listen, once=True) == "interrupted while finishing"
    swept = Seen()
    with monkeypatch.context() as patch:
        patch.setattr(threads.WorkerPool, "_work", None)
        (result,) = qmac.resume(path, progress=swept).values()
    assert swept.first["prices"] == 1 and snapshots(path) == []
    assert result.digest == whole.digest and result.top.equals(whole.top)


def test_progress_is_that_of_all_symbols(tmp_path):
    prices = {
        name: frame(series("random", bars, 3))
        for name, bars in (("a", 100), ("b", 300), ("c", 600))
    }
    said = []
    qmac.optimize_many(
        {"a": prices["a"], "b": prices["b"]}, SMALL, out=tmp_path / "run", progress=said.append
    )
    ends = {status.name: status.job_done for status in said}
    assert ends == {"a": 0.25, "b": 1.0} and {status.parts for status in said} == {2}
    said.clear()
    qmac.optimize_many(prices, SMALL, threads=1, progress=said.append)
    shares = [status.job_done for status in said]
    assert shares == sorted(shares) and {
        status.name: status.job_done for status in said
    } == pytest.approx({"a": 0.1, "b": 0.4, "c": 1.0})


def test_symbols_one_after_the_other_share_readings_of_memory(monkeypatch):
    reads, read = [], Probe.read
    monkeypatch.setattr(Probe, "read", lambda probe: reads.append(0) or read(probe))
    qmac.optimize_many({f"S{number}": BARS for number in range(8)}, SMALL, threads=1)
    assert len(reads) < 16  # of five for each symbol where none is shared


def test_averages_of_the_user_are_resumed(tmp_path, slowly):
    averages = np.array(
        [PRICES["Close"].rolling(window).mean().to_numpy() for window in GRID.windows]
    )
    whole = qmac.optimize(PRICES, GRID, top=20, averages=averages)
    path = halted(tmp_path / "run", averages=averages)
    assert qmac.resume(path)["prices"].digest == whole.digest


def test_types_of_numbers_and_names_survive_a_resume(tmp_path, slowly):
    options = {
        "constraints": {"total_trades": (np.int64(2), None), "max_drawdown": (np.float32(-0.5), 0)},
        "rules": qmac.Rules(fees=np.float64(0.001), max_bars=np.int64(50), start="2001-02-01"),
    }
    whole = qmac.optimize(BARS, SMALL, top=20, **options)
    path = halted(tmp_path / "it's a “run”", prices=BARS, grid=SMALL, **options)
    found = qmac.resume(path)["prices"]
    assert (found.digest, found.rules, found.constraints) == (
        whole.digest,
        whole.rules,
        whole.constraints,
    )


# -- every step of a snapshot


def shorten(path):
    """Cut a file as a disk leaves it that wrote less than it reported."""
    for file in [*path.glob("snapshots/.*.part"), *sorted(path.glob("snapshots/0*"))[-1:]][:1]:
        os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "short"])
@pytest.mark.parametrize("at", atomic.STEPS)
def test_a_step_that_fails_does_not_end_the_run(tmp_path, monkeypatch, digest, at, fault):
    slow(
        monkeypatch, seconds=0.02
    )  # on a loaded machine, too, more snapshots than the two that are shortened
    path, count = tmp_path / "run", [0]

    def step(name):
        if name == at and list(path.glob("snapshots/0*")):  # after the first
            count[0] += 1
            if fault != "short":
                raise OSError(getattr(errno, fault), os.strerror(getattr(errno, fault)))
            if count[0] <= 2:
                shorten(path)

    options = {"top": 20, "threads": 2, "out": path}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(Halt):
            monkeypatch.setattr(atomic, "step", step)
            qmac.optimize(PRICES, GRID, progress=halting(0.6), **options)
        monkeypatch.setattr(atomic, "step", lambda _: None)
        assert count[0] > 0
        assert fault == "short" or any(
            "no snapshot could be written" in str(warning.message) for warning in said
        )
        assert list(path.glob("snapshots/.*")) == []
        seen = Seen()
        assert qmac.resume(path, progress=seen)["prices"].digest == digest
    assert seen.first["prices"] > 0


def test_a_disk_that_is_full_to_the_end_leaves_what_was_there(tmp_path, monkeypatch, digest):
    path = tmp_path / "run"

    def full(name):
        if name == "write" and (path / HEADER).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, "step", full)
    slow(monkeypatch)
    with pytest.warns(UserWarning, match="No space left on device.*the run continues"):
        assert qmac.optimize(PRICES, GRID, top=20, out=path).digest == digest


@pytest.mark.parametrize("at", atomic.STEPS)
def test_a_start_that_fails_says_so_and_may_be_tried_again(tmp_path, monkeypatch, at, digest):
    path, left = tmp_path / "run", [1]

    def step(name):
        if name == at:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, "step", step)
    with pytest.raises(ResultError, match="cannot be written: No space left on device"):
        qmac.optimize(PRICES, GRID, top=20, out=path)
    monkeypatch.undo()
    assert qmac.optimize(PRICES, GRID, top=20, out=path).digest == digest


def test_what_a_killed_start_left_is_no_run(copy):
    (copy / HEADER).unlink()
    with pytest.raises(ResultError, match=r"holds no run: there is no run\.json"):
        qmac.resume(copy)
    with pytest.raises(ResultError, match="not empty. Name a new directory, or empty it first"):
        qmac.optimize(PRICES, GRID, top=20, out=copy)


# -- damage


@pytest.mark.parametrize("bad", [1, 2, 3])
@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_damaged_snapshots_cost_time_only(copy, digest, bad, damage):
    for path in snapshots(copy)[:bad]:
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes(data if damage == "flip" else data[:-1])
    seen = Seen()
    with pytest.warns(
        UserWarning, match=f"checksum differs.*{'the start' if bad == 3 else 'an older one'}"
    ):
        assert qmac.resume(copy, progress=seen)["prices"].digest == digest
    assert (seen.first["prices"] == 0) == (bad == 3)


@pytest.mark.parametrize("seconds", [None, "x", [], float("nan"), -1e300])
def test_a_snapshot_of_strange_seconds_does_no_harm(copy, digest, monkeypatch, seconds):
    from qmac.runs import snapshot

    for path in snapshots(copy):
        about, arrays = snapshot.decode(path)
        path.write_bytes(
            b"".join(
                snapshot.encode(about | {"seconds": seconds}, arrays, threads.threading.Lock())
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = qmac.resume(copy)["prices"]
    assert result.digest == digest and result.elapsed > 0


@pytest.mark.parametrize("damage", ["header", "prices", "progress"])
def test_other_damage(copy, digest, damage):
    path = {
        "header": copy / HEADER,
        "prices": next((copy / "prices").iterdir()),
        "progress": copy / PROGRESS,
    }[damage]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data if damage != "progress" else b"\xff" * 100)
    if damage == "progress":
        assert qmac.resume(copy)["prices"].digest == digest
        return
    with pytest.raises(ResultError, match="(damaged|changed).*Start the run again"):
        qmac.resume(copy)


# -- another request


def bit(column="Close", row=17):
    """Prices of which one number is the next one."""
    table = BARS.copy()
    table.loc[table.index[row], column] = np.nextafter(table[column].iloc[row], 1e9)
    return table


ARGUMENTS = {
    "prices": BARS,
    "grid": SMALL,
    "objective": "sharpe_ratio",
    "rules": qmac.Rules(),
    "top": 20,
    "constraints": {"win_rate": (0.1, None)},
}
RULES = {
    "fees": 0.001,
    "slippage": 0.0,
    "average": "ema",
    "fill": "next_open",
    "conflict": "opposite",
    "start": "2001-02-01",
    "end": "2001-12-31",
    "stop_loss": 0.1,
    "take_profit": 0.1,
    "trailing_stop": 0.1,
    "max_bars": 9,
    "init_cash": 200,
    "periods_per_year": 365,
}
OTHERS = {
    **{f"rules.{name}": {"rules": qmac.Rules(**{name: value})} for name, value in RULES.items()},
    "grid.buy_fast": {"grid": qmac.Grid(windows=range(2, 13))},
    "grid.sell_slow": {"grid": qmac.Grid(windows=range(2, 12), sell_slow=[5, 11])},
    "grid.shared_windows": {"grid": qmac.Grid(windows=range(2, 12), shared_windows=True)},
    "objective": {"objective": "total_return"},
    "maximize": {"maximize": False},
    "constraints.win_rate": {"constraints": {"win_rate": (0.1, 0.9)}},
    "constraints.exposure": {"constraints": {"win_rate": (0.1, None), "exposure": (0, 1)}},
    "constraints.total_trades": {"min_trades": 2},
    "top": {"top": 21},
    "averages": {"averages": np.ones((10, 300)) * np.arange(10)[:, None]},
    "prices.prices": {"prices": bit()},
    "prices.prices ": {"prices": bit("High", 299)},
    "prices.prices  ": {"prices": BARS.drop(columns="Low")},
    "prices.prices   ": {"prices": BARS.iloc[:-1]},
    "prices.prices    ": {"prices": BARS.tz_localize("UTC")},
    "prices.SPY": {"prices": qmac.Prices.of(BARS, "SPY")},
}


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        slow(patch)
        options = {**ARGUMENTS}
        return halted(
            tmp_path_factory.mktemp("other") / "run",
            0.3,
            options.pop("prices"),
            options.pop("grid"),
            **{k: v for k, v in options.items() if k != "top"},
        )


def test_every_rule_is_compared():
    assert {f"rules.{field.name}" for field in dataclasses.fields(qmac.Rules)} - {
        "rules.fixed_fees"
    } <= OTHERS.keys()


@pytest.mark.parametrize("name", OTHERS)
def test_another_request_is_refused(other, name):
    before = {path: path.read_bytes() for path in other.glob("**/*") if path.is_file()}
    options = ARGUMENTS | OTHERS[name]
    with pytest.raises(ResultError, match="holds another run: .*qmac resume ") as refused:
        qmac.optimize(options.pop("prices"), options.pop("grid"), out=other, **options)
    first = re.search(r"another run: (.*?) is ", str(refused.value)).group(1)
    assert first == name.strip() or (first, name) == ("prices.prices", "prices.SPY")
    assert before == {path: path.read_bytes() for path in other.glob("**/*") if path.is_file()}


def test_symbols_more_or_less(tmp_path):
    frames = {"A": BARS, "B": PRICES}
    qmac.optimize_many(frames, SMALL, out=tmp_path / "run")
    for given, words in (
        ({"A": BARS}, "prices.B"),
        (frames | {"C": BARS}, "prices.C"),
        ({"B": BARS, "A": PRICES}, "A.*1 more"),
    ):
        with pytest.raises(ResultError, match=f"another run: .*{words}"):
            qmac.optimize_many(given, SMALL, out=tmp_path / "run")
    with pytest.raises(ResultError, match="this very run"):
        qmac.optimize_many({"B": PRICES, "A": BARS}, SMALL, out=tmp_path / "run")


def test_the_same_request_in_other_words_is_recognised(other):
    options = ARGUMENTS | {
        "prices": BARS[["Low", "Close", "High", "Open"]].astype(object),
        "grid": qmac.Grid(
            buy_fast=range(2, 12),
            buy_slow="2:11",
            sell_fast=[*range(2, 12)][::-1],
            sell_slow=range(2, 12),
        ),
        "rules": None,
        "constraints": {"win_rate": [0.1, np.inf]},
    }
    with pytest.raises(ResultError, match="holds this very run. Resume it"):
        qmac.optimize(
            options.pop("prices"),
            options.pop("grid"),
            out=other,
            threads=3,
            limits=qmac.Limits(polite=True),
            **options,
        )


BENIGN = {
    "threads": {"threads": 3},
    "limits": {
        "limits": qmac.Limits(
            memory="100%", disk_free=None, cpu_share=0.9, max_time="1h", governor="observe"
        )
    },
    "polite": {"limits": qmac.Limits(polite=True, threads=1)},
    "batches": {"patch": (ledger, "BATCH_SECONDS", 3.0)},
    "snapshots": {"patch": (monitor, "SNAPSHOT_SECONDS", 1e9)},
    "patience": {"patch": (threads, "PATIENCE_SECONDS", 0.1)},
    "a text": {"path": str},
    "renamed": {"path": lambda path: path.rename(path.with_name("ä new näme"))},
    "moved": {"path": lambda path: shutil.move(path, path.parent / "deep" / "er")},
    "another place to stand": {"stand": True},
}


@pytest.mark.parametrize("name", BENIGN)
def test_what_changes_no_result_is_not_compared(copy, digest, name, monkeypatch):
    options = dict(BENIGN[name])
    if "patch" in options:
        monkeypatch.setattr(*options.pop("patch"))
    (copy.parent / "deep").mkdir()
    path = Path(options.pop("path", lambda path: path)(copy))
    if options.pop("stand", False):
        monkeypatch.chdir(path.parent)
        path = Path(path.name)
    seen = Seen()
    result = qmac.resume(path if name != "a text" else str(path), progress=seen, **options)[
        "prices"
    ]
    assert result.digest == digest and seen.first["prices"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment", [{"TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0", "LANG": "C"}]
)
def test_another_environment(copy, digest, environment):
    done = command("resume", copy, "--json", env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == digest


# -- many


FRAMES = {"A": PRICES, "B": BARS, "C": frame(series("ticks", 300, 1))}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The first of three is done, and half of the second."""
    path = tmp_path_factory.mktemp("many") / "run"
    with pytest.MonkeyPatch.context() as patch:
        slow(patch)
        with pytest.raises(Halt):
            qmac.optimize_many(
                FRAMES,
                GRID,
                top=20,
                out=path,
                threads=1,
                progress=lambda status: halting(0.5)(status) if status.name == "B" else None,
            )
    return path


@pytest.fixture(scope="module")
def digests():
    return {name: qmac.optimize(table, GRID, top=20).digest for name, table in FRAMES.items()}


def test_a_run_of_many_is_resumed_where_it_was(many, tmp_path, digests):
    copy = Path(shutil.copytree(many, tmp_path / "copy"))
    assert list(reader.read_results(copy)) == ["A"]
    seen, parts = Seen(), set()

    def listen(status):
        seen(status)
        parts.add((status.name, status.part, status.parts))

    results = qmac.resume(copy, progress=listen)
    assert {name: result.digest for name, result in results.items()} == digests
    assert "A" not in seen.first and seen.first["B"] > 0.3 and seen.first["C"] == 0
    assert parts == {("B", 2, 3), ("C", 3, 3)} and snapshots(copy) == []


@pytest.mark.parametrize("name", ["result.json", "top.parquet", "arrays.npz"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_result_is_done_again(many, tmp_path, digests, name, damage):
    copy = Path(shutil.copytree(many, tmp_path / "copy"))
    path = copy / "results" / "A" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if damage != "remove":
        path.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    seen = Seen()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        results = qmac.resume(copy, progress=seen)
    assert {name: result.digest for name, result in results.items()} == digests
    assert "A" in seen.first
    alone = (damage, name) == ("remove", "result.json")  # no result at all, as after a kill
    assert alone or any("A is done again: " in str(warning.message) for warning in said)


def test_a_result_half_saved_is_no_result(many, tmp_path, digests):
    copy = Path(shutil.copytree(many, tmp_path / "copy"))
    (copy / "results" / "A").rename(
        copy / "results" / f".A-{os.getpid()}"
    )  # killed by one of this very number
    results = qmac.resume(copy)
    assert {name: result.digest for name, result in results.items()} == digests
    assert sorted(path.name for path in (copy / "results").iterdir()) == ["A", "B", "C"]


def test_two_at_a_time_are_one(copy, digest, monkeypatch):
    slow(monkeypatch, 0.01)
    second = []

    def listen(status):
        if not second:
            refused = pytest.raises(ResultError, match=f"is being run by process {os.getpid()}")
            with Stopwatch() as watch, refused:
                qmac.resume(copy)
            second.append(watch.seconds)

    assert qmac.resume(copy, progress=listen)["prices"].digest == digest
    assert second[0] < 1


# -- on the command line


@pytest.mark.slow
def test_exit_codes_of_many(tmp_path):
    for name, table in (("GOOD", PRICES), ("BAD", -PRICES), ("ALSO", BARS)):
        table.to_csv(tmp_path / f"{name}.csv")
    options = ("optimize", tmp_path, "--windows", "2:11", "--top", "20")
    done = command(*options, "--out", tmp_path / "run", "--json")
    assert done.returncode == 3, done.stderr
    assert (
        "left out: BAD" in done.stderr.replace(str(tmp_path) + os.sep, "")
        and "Traceback" not in done.stderr
    )
    found = json.loads(done.stdout)
    assert set(found["digests"]) == {"GOOD", "ALSO"} and set(found["left_out"]) == {"BAD"}
    assert inside("resume", tmp_path / "run").returncode == 3
    strict = inside(*options, "--out", tmp_path / "strict", "--strict")
    assert (
        strict.returncode == 2
        and "Close is -" in strict.stderr
        and not (tmp_path / "strict").exists()
    )


@pytest.mark.slow
def test_watch_once(copy, tmp_path):
    said = inside("watch", copy, "--once").stdout
    assert re.fullmatch(
        rf"{copy}: interrupted at [0-9.]+%; resume with: qmac resume {copy}\n", said
    ), said
    lines = (copy / PROGRESS).read_text().splitlines()
    (copy / PROGRESS).write_text(
        re.sub(r'"time": [0-9.]+', f'"time": {time.time()}', lines[0]) + "\n"
    )
    assert "its process is gone" in inside("watch", copy, "--once").stdout
    with RunDirectory.open(copy).locked():
        done = command("watch", copy, "--once")
    assert re.fullmatch(rf"{copy}: running, \d+\.\d% done  .* threads?\n", done.stdout), done.stdout
    assert inside("watch", tmp_path).returncode == 2
