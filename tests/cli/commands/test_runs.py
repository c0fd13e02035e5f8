"""Commands that begin runs, go on with them, and look at them."""

import dataclasses
import itertools
import json
import os
import shutil
import time
from functools import partial
from types import SimpleNamespace

import pytest
from helpers.series import frame, series
from helpers.stopwatch import Stopwatch
from helpers.terminal import inside, qmac

import qmac as api
from qmac.errors import Stopped
from qmac.jobs import runner
from qmac.report.terminal import result as terminal
from qmac.results.collection import Results
from qmac.runs.creation import NewRun
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER
from qmac.runtime.monitoring import progress_log
from qmac.runtime.monitoring.progress_log import ProgressLog
from qmac.runtime.monitoring.status import Status
from qmac.strategy.request import check_request


@pytest.mark.slow
def test_optimize_show_json(csv, tmp_path):
    out = tmp_path / "run"
    done = qmac("optimize", csv, "--windows", "2:30:3", "--out", out, "--top", 5, "--verbose")
    assert done.returncode == 0, done.stderr
    for words in ("profitable", "quantiles", "buy & hold", f"qmac show {out}", "digest"):
        assert words in done.stdout
    shown = inside("show", out, "--verbose")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[2:-1] == done.stdout.splitlines()[2:-3]
    assert f"is it luck? qmac luck {out} (about " in done.stdout.splitlines()[-1]
    answer = json.loads(inside("show", out, "--json").stdout)
    again = json.loads(
        inside("optimize", csv, "--windows", "2:30:3", "--json", "--top", 5, "--threads", 1).stdout
    )
    assert answer["digest"] == again["digest"]
    assert set(again) >= {
        "evaluated",
        "scored",
        "unscored",
        "digest",
        "elapsed",
        "combinations_per_second",
        "best",
        "top",
    }
    assert len(again["top"]) == 5


def test_a_page_is_written_beside_the_result(csv, tmp_path):
    page = tmp_path / "page.html"
    done = inside("optimize", csv, "--windows", "2:30:3", "--report", page)
    assert done.returncode == 0, done.stderr
    assert f"{page}, " in done.stdout and "<html" in page.read_text()
    done = inside("optimize", csv, "--windows", "2:30:3", "--report", tmp_path / "no" / "page.html")
    assert done.returncode != 0


def test_few_of_many_rows_are_printed(csv, tmp_path):
    """And where the others are."""
    out = tmp_path / "run"
    done = inside("optimize", csv, "--windows", "2:30:3", "--out", out, "--top", 500, "-v")
    words = "20 of 500 rows; --rows shows more"
    assert words in done.stdout and f"all 500 rows: qmac export {out} --out top.csv" in done.stdout
    assert len(done.stdout.splitlines()) < 90
    assert words in inside("show", out, "-v").stdout
    assert words in inside("show", out, "--all-rows").stdout
    assert len(json.loads(inside("show", out, "--json").stdout)["top"]) == 500
    more = inside("optimize", csv, "--windows", "2:30:3", "--top", 500, "--rows", 500, "-v")
    assert "rows shows more" not in more.stdout and len(more.stdout.splitlines()) > 500


def test_objectives_constraints_and_stops(csv, tmp_path):
    done = inside(
        "optimize",
        csv,
        "--windows",
        "2:30:3",
        "--objective",
        "total_return",
        "--where",
        "total_trades >= 3",
        "--where",
        "max_drawdown > -0.5",
        "--stop-loss",
        0.1,
        "--max-bars",
        40,
        "--conflict",
        "opposite",
        "--average",
        "ema",
        "--out",
        tmp_path / "r",
    )
    assert done.returncode == 0, done.stderr
    for words in (
        "highest total_return",
        "stop_loss 0.1",
        "max_bars 40",
        "ema",
        "total_trades >= 3",
        "max_drawdown > -0.5",
    ):
        assert words in done.stdout
    answer = json.loads(inside("show", tmp_path / "r", "--json").stdout)
    assert answer["filtered"] == answer["evaluated"] - answer["scored"] - answer["unscored"]
    assert set(answer["filtered_by"]) == {"total_trades", "max_drawdown"}
    assert all(row["total_trades"] >= 3 and row["max_drawdown"] > -0.5 for row in answer["top"])
    assert answer["rules"]["stop_loss"] == 0.1


@pytest.mark.parametrize(
    "arguments", [("optimize", ""), ("optimize", "--sample", "--out", ""), ("show", "--out=")]
)
def test_an_empty_argument_is_no_path(arguments, tmp_path):
    done = qmac(*arguments, cwd=tmp_path)
    assert (
        done.returncode == 2
        and "is empty; is a variable not set?" in done.stderr
        and not list(tmp_path.iterdir())
    )


def test_nothing_is_written_below_a_file(csv):
    done = inside("optimize", csv, "--windows", "2:9", "--out", csv / "run" / "first")
    assert done.returncode == 2 and f"{csv} is a file" in done.stderr


def test_nothing_is_written_on_bad_input(tmp_path):
    assert (
        inside("optimize", "--sample", "--windows", "2:9000", "--out", tmp_path / "run").returncode
        == 2
    )
    assert list(tmp_path.iterdir()) == []


def test_the_command_that_goes_on_asks_for_the_same_limits(csv, tmp_path):
    words = (
        "--memory",
        "80%",
        "--threads",
        "1",
        "--disk-free",
        "1MiB",
        "--polite",
        "--max-time",
        "2h",
    )
    gauges = tmp_path / "qmac.prom"
    done = inside(
        "optimize",
        csv,
        "--windows",
        "5,10,20,40",
        "--out",
        tmp_path / "run",
        *words,
        "--prometheus-file",
        gauges,
    )
    again = f"qmac resume {tmp_path / 'run'} --memory 80% --threads 1 --disk-free 1MiB"
    again += " --polite --max-time 7200s"
    assert f"resume with: {again} --prometheus-file {gauges}\n" in done.stderr


def test_an_error_in_a_run_that_was_begun_says_how_to_go_on(tmp_path):
    done = inside(
        "optimize",
        "--sample",
        "--windows",
        "2:600",
        "--memory",
        "100MiB",
        "--out",
        tmp_path / "run",
    )
    assert done.returncode == 2
    assert done.stderr.endswith(f"Resume with: qmac resume {tmp_path / 'run'} --memory 100MiB\n")


def test_a_prometheus_file_that_cannot_be_written(csv, tmp_path):
    asked = (
        "optimize",
        csv,
        "--windows",
        "5,10,20,40",
        "--out",
        tmp_path / "run",
        "--prometheus-file",
    )
    done = inside(*asked, tmp_path / "none" / "qmac.prom")
    assert (
        done.returncode == 2 and "does not exist" in done.stderr and not (tmp_path / "run").exists()
    )
    (tmp_path / "there.prom").mkdir()
    done = inside(*asked, tmp_path / "there.prom")
    assert (
        done.returncode == 0
        and done.stderr.count("cannot be written") == 1
        and "the run goes on" in done.stderr
    )


@pytest.mark.slow
def test_a_name_that_is_no_utf8(csv, tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    odd = os.fsencode(folder) + b"/M\xfcnchen.csv"
    try:
        shutil.copy(csv, odd)
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    shutil.copy(csv, folder)
    done = qmac("optimize", folder, "--windows", "5,10,20,40", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert list(api.resume(tmp_path / "run")) == ["M\\udcfcnchen", "spy"]
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (folder / "spy.csv").rename(folder / "S\u00e3o.csv")
    assert qmac("optimize", folder, "--windows", "5,10,20,40", env=plain).returncode == 0


@pytest.mark.slow
def test_small_terminal(csv):
    done = qmac("optimize", csv, "--windows", "2:30:3", env={**os.environ, "COLUMNS": "40"})
    assert done.returncode == 0
    table = done.stdout[done.stdout.index(" buy") : done.stdout.index("alike:")]
    assert "…" not in table  # the windows above all
    assert max(map(len, table.splitlines())) <= 60  # sentences are in one piece in a pipe


@pytest.mark.slow
def test_without_a_writable_cache(csv):
    """A backtest: its kernels take seconds to compile, those of a sweep half a minute."""
    environment = {**os.environ, "QMAC_CACHE_DIR": "/proc/none"}
    done = qmac("backtest", csv, 5, 20, 10, 40, env=environment)
    assert done.returncode == 0, done.stderr


# -- watch


STATUS = Status(done=500, size=2000, seconds=3.5, best=0.25, memory=2**20, rate=100.0, threads=2)


@pytest.fixture
def begun(csv, tmp_path):
    """A run that was begun, and whose process is gone."""
    request = check_request(api.Grid(windows=[2, 3, 4, 5]), top=3, min_trades=0)
    RunDirectory.create(tmp_path / "run", NewRun(request, {"spy": api.read_prices(csv)}))
    (tmp_path / "run" / "lock").touch()
    return tmp_path / "run"


def test_watch_says_at_once_that_the_process_is_gone(begun):
    ProgressLog(begun / "progress.jsonl")(STATUS)
    with Stopwatch() as watch:
        done = inside("watch", begun)
    assert watch.seconds < 5
    assert done.returncode == 0
    assert done.stdout == f"{begun}: its process is gone; resume with: qmac resume {begun}\n"
    answer = json.loads(inside("watch", begun, "--json", "--once").stdout)
    assert (answer["state"], answer["said"], answer["share"]) == (
        "interrupted",
        "its process is gone",
        0.25,
    )


def test_watch_does_not_wait_for_a_run_that_left_no_line(begun):
    with Stopwatch() as watch:
        assert "its process is gone" in inside("watch", begun).stdout
    assert watch.seconds < 10


@pytest.mark.parametrize("is_written", [True, False])
def test_a_run_of_many_that_ends_early_shows_what_is_done(tmp_path, monkeypatch, is_written):
    sweep, folder = runner.run, tmp_path / "prices"
    folder.mkdir()
    for name in ("A", "B", "C"):
        frame(series("random", 300, ord(name))).to_csv(folder / f"{name}.csv")

    def stopped(*arguments, **options):
        results = sweep(*arguments, **options)
        error = Stopped("stopped at 66.7 % of all symbols: max_time is over.")
        error.results = Results({name: partial(results.get, name) for name in "AB"}, {}, ["C"])
        raise error

    monkeypatch.setattr(runner, "run", stopped)
    out = ["--out", tmp_path / "run"] if is_written else []
    done = inside("optimize", folder, "--windows", "2:12", *out)
    assert done.returncode == 75 and "max_time is over" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2 of 3 symbols are done:"
    assert sorted(line.split()[0] for line in lines[4:6]) == ["A", "B"]
    best, other = (float(line.split()[5].strip("%")) for line in lines[4:6])
    assert best > other
    shown = f"all that is done: qmac show {tmp_path / 'run'}"
    assert (shown in lines) == is_written
    few = inside("optimize", folder, "--windows", "2:12", "--rows", 1)
    assert few.stdout.splitlines()[0] == "2 of 3 symbols are done; the best of them:"
    assert inside("optimize", folder, "--windows", "2:12", "--json").stdout == ""


def test_an_interrupted_run_says_how_far_it_is(begun):
    log = ProgressLog(begun / "progress.jsonl")
    log(STATUS)
    log.end("interrupted")
    assert (
        inside("watch", begun).stdout
        == f"{begun}: interrupted at 25.0%; resume with: qmac resume {begun}\n"
    )
    (entry,) = json.loads(inside("runs", begun, "--json").stdout)["runs"]
    assert (entry["state"], entry["share"]) == ("interrupted", 0.25)
    assert "0/1 25%" in inside("runs", begun).stdout


def test_watch_in_a_pipe_says_nothing_twice(begun, monkeypatch):
    """While the process lives and says nothing new."""
    for module in ("display", "progress_log"):
        monkeypatch.setattr(f"qmac.runtime.monitoring.{module}.LINE_SECONDS", 0.0)
    log, looks = ProgressLog(begun / "progress.jsonl"), itertools.count(1)

    def rest(_):
        look = next(looks)
        if look == 20:
            log.write({"state": "max_time is over"})
        elif look == 40:
            (begun / "lock").rename(begun / "held")  # as if it had ended

    clock = SimpleNamespace(time=time.time, monotonic=time.monotonic, sleep=rest)
    monkeypatch.setattr(progress_log, "time", clock)
    with RunDirectory.open(begun).locked():
        log(STATUS)
        done = inside("watch", begun)
        (begun / "held").rename(begun / "lock")
    assert done.stderr.count("500 of 2,000") == 1
    assert done.stdout.startswith(f"{begun}: max_time is over")


# -- runs


def test_runs(one_run, run_of_many, begun, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    wrong = tmp_path / "wrong"
    for name, content in (
        ("cut", '{"format": 1'),
        ("other", '{"checksum": "0"}'),
        ("nul", "\0" * 500),
    ):
        (wrong / name / "prices").mkdir(parents=True)
        (wrong / name / HEADER).write_text(content)
    (wrong / "result").mkdir()
    (wrong / "result" / "result.json").write_text("[]")
    (wrong / "result" / "top.parquet").touch()
    (wrong / "stranger").mkdir()
    (wrong / "stranger" / "result.json").write_text('{"of": "another program"}')
    done = inside("runs", one_run.parent, run_of_many.parent, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("finished") == 2 and done.stdout.count("interrupted") == 1
    assert f" {one_run} " in done.stdout  # in a pipe, in one piece
    for name in ("cut", "other", "nul", "result"):
        assert f"\n{wrong / name}: " in done.stdout
    answer = json.loads(
        inside("runs", one_run.parent, run_of_many.parent, tmp_path, "--json").stdout
    )["runs"]
    entries = {entry["path"]: entry for entry in answer}
    assert len(entries) == len(answer) == 7
    one, many = entries[str(one_run)], entries[str(run_of_many)]
    result = api.load(one_run)
    assert (one["best"], tuple(one["combination"]), one["symbols"]) == (
        result.top["total_return"].iloc[0],
        result.best,
        1,
    )
    assert one["asked"] == "total_return, 2:29:3"
    winners = json.loads(inside("show", run_of_many, "--json").stdout)["winners"]
    best = max(winners, key=lambda row: row["sharpe_ratio"])
    assert (many["best"], many["symbol"], many["done"]) == (best["sharpe_ratio"], best["symbol"], 2)
    assert (entries[str(begun)]["state"], entries[str(begun)]["done"]) == ("interrupted", 0)
    with RunDirectory.open(begun).locked():
        assert json.loads(inside("runs", begun, "--json").stdout)["runs"][0]["state"] == "running"


def test_no_runs(tmp_path):
    done = inside("runs", tmp_path)
    assert (done.returncode, done.stdout) == (0, "") and "no run or result below" in done.stderr
    assert json.loads(inside("runs", tmp_path, "--json").stdout) == {"runs": []}


def test_a_result_of_which_cells_failed(one_run, tmp_path):
    failed = [{"cell": 3, "combinations": 5, "reason": "a cosmic ray"}]
    dataclasses.replace(api.load(one_run), failed=failed).save(tmp_path / "result")
    shutil.copytree(one_run, tmp_path / "run")
    place = next((tmp_path / "run" / "results").iterdir())
    shutil.rmtree(place)
    shutil.copytree(tmp_path / "result", place)
    answer = json.loads(inside("runs", tmp_path, "--json").stdout)["runs"]
    assert [entry["state"] for entry in answer] == ["incomplete"] * 2


def test_an_estimate_says_what_it_is_of(csv):
    pytest.importorskip("ray", reason="Ray is an extra: pip install 'qmac[ray]'")
    asked = (csv, "--windows", "2:30:3", "--threads", 1)
    plain = inside("estimate", *asked)
    assert plain.returncode == 0 and plain.stderr == "" and "on 1 thread here" in plain.stdout
    for done in (
        inside("estimate", *asked, "--executor", "ray"),
        inside("optimize", *asked, "--executor", "ray", "--dry-run"),
    ):
        assert (
            done.returncode == 0 and "of this machine (1 thread), not of the cluster" in done.stderr
        )
    wrong = inside("estimate", *asked, "--executor", "ray", "--ray-address", "127.0.0.1:1")
    assert wrong.returncode == 2 and wrong.stdout == "" and "no Ray cluster answers" in wrong.stderr


@pytest.mark.parametrize("width", [60, 80])
def test_runs_in_a_narrow_terminal(run_of_many, begun, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = inside("runs", run_of_many.parent, begun.parent).stdout.splitlines()
    assert max(map(len, lines)) <= width and len(lines) < 20
    words = " ".join(lines)
    assert (
        "total_return," in words
        and "interrupted" in words
        and (time.strftime("%Y-") in words) == (width == 80)
    )


def test_a_table_that_would_not_fit_into_memory_is_refused_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "ROW_BYTES", 2**50)
    words = ("--sample", "--windows", "10:60:10", "--rows", 3, "--out", tmp_path / "run")
    done = inside("optimize", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "qmac: a table of 3 rows needs" in done.stderr and not list(tmp_path.iterdir())
