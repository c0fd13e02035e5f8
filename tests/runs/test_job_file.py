"""Job files: a run repeats itself, every mistake is named, and the command line overrides."""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from helpers.series import frame, series
from helpers.terminal import inside
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.runs import job_file
from qmac.runs.directory import RunDirectory
from qmac.runs.job_file import spell_windows
from qmac.storage.json_text import compute_checksum
from qmac.strategy.windows import parse_windows


@given(st.sets(st.integers(1, 400), min_size=1))
def test_windows_are_their_text(windows):
    assert parse_windows(spell_windows(sorted(windows))) == tuple(sorted(windows))


REQUESTS = {
    "usual": [],
    "four roles": [
        "--buy-fast",
        "2:6",
        "--buy-slow",
        "7,9,14",
        "--sell-fast",
        "3:9:3",
        "--sell-slow",
        "10:20:5",
    ],
    "shared": ["--windows", "3:9", "--shared-windows", "--minimize", "--objective", "max_drawdown"],
    "where": [
        "--where",
        "win_rate >= 0.2",
        "--where",
        "total_return > -0.3",
        "--where",
        "win_rate < 0.9",
        "--min-trades",
        "2",
    ],
    "order": [
        "--where",
        "total_trades <= 9",
        "--where",
        "win_rate >= -inf",
        "--where",
        "total_return <= 9",
        "--min-trades",
        "0",
    ],
    "rules": [
        "--objective",
        "calmar_ratio",
        "--fees",
        "0.001",
        "--average",
        "wma",
        "--fill",
        "close",
        "--conflict",
        "opposite",
        "--min-trades",
        "2",
        "--stop-loss",
        "0.1",
        "--take-profit",
        "0.3",
        "--max-bars",
        "30",
        "--start",
        "2001-03-01",
        "--end",
        "2001-12-03 00:00",
        "--init-cash",
        "1e-05",
    ],
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_run_repeats_itself(csv, tmp_path, name):
    windows = [] if name in ("four roles", "shared") else ["--windows", "2:20:2"]
    first = inside(
        "optimize", csv, *windows, *REQUESTS[name], "--out", tmp_path / "run", "--top", 4, "--json"
    )
    assert first.returncode == 0, first.stderr
    again = inside("optimize", tmp_path / "run" / "job.toml", "--out", tmp_path / "again", "--json")
    assert again.returncode == 0, again.stderr
    first, again = json.loads(first.stdout), json.loads(again.stdout)
    assert first["digest"] == again["digest"]
    for key in (
        "filtered_by",
        "constraints",
        "rules",
        "grid",
        "prices",
        "objective",
        "maximize",
        "best",
    ):
        assert first[key] == again[key], key
    texts = [(tmp_path / run / "job.toml").read_text() for run in ("run", "again")]
    assert texts[0] == texts[1]
    header = json.loads(next(tmp_path.glob("run/results/*/result.json")).read_text())
    (tmp_path / "bare.toml").write_text(header["job"])
    third = inside("optimize", tmp_path / "bare.toml", csv, "--json")
    assert json.loads(third.stdout)["digest"] == first["digest"]


def test_jobs_of_many(run_of_many, tmp_path):
    done = inside("optimize", run_of_many / "job.toml", "--json")
    assert done.returncode == 0, done.stderr
    answer, first = (
        json.loads(done.stdout),
        json.loads(inside("show", run_of_many, "--json").stdout),
    )
    assert answer["digests"] == first["digests"]
    assert list(tomllib.loads((run_of_many / "job.toml").read_text())["prices"]) == ["AAA", "b c"]


@pytest.mark.parametrize(
    "symbol",
    [
        'a "quoted" one',
        "a\x1b[2J\x9b\u202e\u2028\U000e0001",
        "tab\tand \\ back",
        "é\x7f",
        "x = 1 # y",
        "[prices]",
    ],
)
def test_names_that_toml_must_quote(tmp_path, symbol):
    prices = {symbol: frame(series("random", 60, 1)), "Z": frame(series("random", 60, 2))}
    results = qmac.optimize_many(prices, qmac.Grid(windows=[2, 3, 5, 8]), out=tmp_path / "run")
    done = inside("optimize", tmp_path / "run" / "job.toml", "--json")
    assert json.loads(done.stdout)["digests"] == {
        name: result.digest for name, result in results.items()
    }


@pytest.fixture
def job(csv, tmp_path):
    """A job file beside its prices."""
    (tmp_path / "spy.csv").write_bytes(csv.read_bytes())

    def written(text):
        (tmp_path / "job.toml").write_text(text)
        return tmp_path / "job.toml"

    return written


@pytest.fixture
def planned(monkeypatch):
    """Return what a command would run: the job, the limits, its run directory."""
    found = []
    monkeypatch.setattr(
        "qmac.cli.commands.runs._run_job",
        lambda sweep, _: found.append((sweep.job, sweep.limits, sweep.directory)),
    )
    monkeypatch.setattr(
        "qmac.cli.commands.runs._print_estimate",
        lambda job, limits, *_: found.append((job, limits, None)),
    )

    def ask(*arguments):
        done = inside(*arguments)
        assert done.returncode == 0, done.stderr
        return found.pop()

    return ask


def test_the_command_line_overrides(job, planned, csv, tmp_path):
    path = job(
        'prices = "spy.csv"\nwindows = [2, 5, "7:9"]\nbuy_fast = 3\ntop = 3\nfees = 0\n'
        'where = "win_rate > 0.1"\n'
        'threads = 1\nstart = 2001-02-01\nout = "kept"\npolite = true\n'
    )
    plain, limits, kept = planned("optimize", path)
    assert plain.request.grid.buys.slow == (2, 5, 7, 8, 9) and plain.request.grid.buys.fast == (3,)
    assert (
        plain.request.top,
        plain.request.rules.start,
        plain.request.rules.fees,
        list(plain.prices),
    ) == (
        3,
        "2001-02-01",
        0.0,
        ["spy"],
    )
    assert (
        list(plain.request.constraints) == ["win_rate", "total_trades"]
        and kept.path == tmp_path / "kept"
    )
    assert (limits.threads, limits.polite) == (1, True)
    over, _, kept = planned(
        "optimize",
        path,
        "--windows",
        "2:6",
        "--top",
        20,
        "--fees",
        "0.01",
        "--where",
        "exposure > 0",
        "--start",
        "2001-01-01",
        "--out",
        tmp_path / "other",
    )
    assert over.request.grid == qmac.Grid(range(2, 7)) and (
        over.request.rules.fees,
        over.request.top,
    ) == (0.01, 20)
    assert (
        list(over.request.constraints) == ["exposure", "total_trades"]
        and over.request.rules.start == "2001-01-01"
    )
    assert kept.path == tmp_path / "other"
    assert list(planned("estimate", path, "--sample")[0].prices) == ["sp500"]
    assert planned("optimize", path, "--dry-run")[1].threads == 1
    path = job('sample = true\nwindows = "2:6"\n')
    assert list(planned("optimize", path, csv)[0].prices) == ["spy"]
    assert list(planned("optimize", path)[0].prices) == ["sp500"]


def test_the_job_of_the_sample_needs_no_file(sample, tmp_path):
    result = qmac.optimize(sample.tail(300), qmac.Grid(range(2, 7)))
    assert "sample" not in result.job  # a part of it
    result = qmac.optimize(sample, qmac.Grid(range(2, 7)), out=tmp_path / "run")
    run = RunDirectory.open(tmp_path / "run")
    texts = result.job, job_file.format_run(run.header), job_file.format_run(run.header, run.path)
    for text in texts:
        assert "sample = true\n" in text and "prices" not in text.splitlines()[-1]
        (tmp_path / "job.toml").write_text(text)
        again = json.loads(inside("optimize", tmp_path / "job.toml", "--json").stdout)
        assert again["digest"] == result.digest
    qmac.optimize(sample.tail(300), qmac.Grid(range(2, 7)), out=tmp_path / "other")
    assert "sample" not in job_file.format_run(RunDirectory.open(tmp_path / "other").header)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("windoes = 3", "windoes is not known. Did you mean 'windows'?"),
        ("stop-los = 3", "Did you mean 'stop-loss'?"),
        ("windows = 2:252", "is no TOML"),
        ("fees = 'x'", "fees must be a number, got 'x'"),
        ("top = 2.5", "top must be a whole number, got 2.5"),
        ("top = true", "must be a whole number"),
        ("strict = 1", "must be true or false"),
        ("windows = true", "must be a text in quotes, such as"),
        ("windows = [1.5]", "must be a text in quotes, such as"),
        ("windows = []", "must be a text in quotes, such as"),
        ("objective = ['a']", "must be a text in quotes"),
        ("where = [1]", "must be a text in quotes, or a list of them"),
        ("prices = 3", "must be a path, a list of paths, or a table"),
        ("prices = {a = 3}", "must be a path, a list of paths, or a table"),
        ("prices = {}", "must be a path, a list of paths, or a table"),
        ("prices = {'' = 'spy.csv'}", "has no name"),
        ("out = 3", "must be a path in quotes"),
        ("min-trades = 1\nmin_trades = 2", "is there twice"),
        ("fees = 2", "fees must be in [0, 1), got 2."),
        ("prices = 'other.csv'", "other.csv: there is no such file"),
        ("", "prices are missing"),
        ("averages = 'own'", "averages of the user's own"),
    ],
)
def test_mistakes(job, text, says):
    done = (
        inside("optimize", job(text), "--windows", "2:6")
        if "windows" not in text
        else inside("optimize", job(text))
    )
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.toml").mkdir()
    assert "is no TOML" in inside("optimize", tmp_path / "a.toml").stderr
    assert "cannot be read" in inside("optimize", tmp_path / "b.toml").stderr
    (tmp_path / "c.toml").write_text("top = 3\ntop = 4\n")
    assert "a key is there twice (at line 2" in inside("optimize", tmp_path / "c.toml").stderr


def test_a_result_says_what_repeats_it():
    prices = frame(series("random", 100, 3))
    result = qmac.optimize(
        prices,
        qmac.Grid(windows=range(2, 9)),
        top=5,
        averages=np.cumsum(np.ones((7, 100)), axis=1) % 7,
    )
    told = tomllib.loads(result.job)
    assert told["averages"] == "own" and told["windows"] == "2:8" and "prices" not in told


def test_the_documented_job_file(csv, planned, tmp_path, monkeypatch):
    """All keys of docs/command-line.md are known, and mean what they say."""
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    text = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "job.toml").write_text(text.replace("2010", "2001").replace("2:252:5", "2:32:5"))
    (tmp_path / "more").mkdir()
    for name in ("spy", "more/qqq"):
        (tmp_path / f"{name}.csv").write_bytes(csv.read_bytes())
    found, _, kept = planned("optimize", "job.toml")
    assert list(found.prices) == ["spy", "qqq"] and kept.path == tmp_path / "runs" / "spy"
    assert (found.request.rules.stop_loss, found.request.rules.start, found.request.top) == (
        0.1,
        "2001-01-04",
        100,
    )


def test_a_run_goes_on_without_its_job_file(one_run, tmp_path, monkeypatch):
    run = tmp_path / "run"
    shutil.copytree(one_run, run)
    text = (run / "job.toml").read_text()
    (run / "job.toml").unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("qmac.runs.job_file.write_whole", full)
        assert inside("resume", run).returncode == 0
    assert not list(run.glob("*job.toml*"))
    assert str(run) in inside("show", run, "--toml").stdout
    assert inside("resume", run).returncode == 0
    assert (run / "job.toml").read_text() == text


RUN = 'prices = "spy.csv"\nwindows = "10:60:10"\n'


@pytest.fixture
def optimize(csv, tmp_path, monkeypatch):
    """Return a function that runs a job file of some lines, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(csv, "spy.csv")

    def run(lines, command="optimize"):
        Path("job.toml").write_text(lines, "utf-8")
        return inside(command, "job.toml", "--json")

    return run


@pytest.mark.parametrize("command", ["optimize", "estimate"])
@pytest.mark.parametrize(
    "line",
    [
        'executor = "ray"\nray-address = "somewhere:6379"',
        'executor = "threads"',
        'ray-address = "somewhere:6379"',
        'ray_address = "auto"',
        "ray-dashboard = true",
        'prometheus-file = "notes.prom"',
    ],
)
def test_a_job_file_names_no_cluster_and_no_other_file_to_write(optimize, command, line):
    done = optimize(f"{RUN}{line}\n", command)
    key = line.split(" ")[0]
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == (
        f"qmac: job.toml: {key} is for the command line only: a job file names no cluster, and no "
        f"file to write but out. Use --{key.replace('_', '-')} there.\n"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["job.toml", "spy.csv"]


def test_what_a_job_file_may_not_say_is_not_suggested(optimize):
    assert "executor" not in optimize(f'{RUN}executer = "ray"\n').stderr


PLACE = "must be a path on this machine, got the address"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('prices = "http://127.0.0.1:9/x.csv"', f"prices {PLACE} 'http://127.0.0.1:9/x.csv'"),
        ('prices = ["spy.csv", "s3://b/x.csv"]', f"prices {PLACE} 's3://b/x.csv'"),
        ('[prices]\nSPY = "file:///etc/x.csv"', f"prices {PLACE} 'file://etc/x.csv'"),
        (f'{RUN}out = "s3://bucket/x"', f"out {PLACE}"),
        (f'{RUN}out = ""', "out must be a path in quotes, got ''"),
        (f"{RUN}out = 5", "out must be a path in quotes, got 5"),
        ('prices = "~no-such-user/x"', "names a home directory that is not known"),
        ('prices = "a\\u0000b"', "prices must be a path, got 'a\\x00b'"),
        (f"{RUN}top = {'9' * 5000}", "job.toml is no TOML: Exceeds the limit"),
        (f"{RUN}top = {'9' * 400}", "top must be at most 1000000, got an int of 1329 bits"),
        (f"{'a.' * 200_000}a = 1", "job.toml is no TOML: a key has more than ten parts"),
        ("'a' . \"b\"." + "a-1\t." * 9 + " x = 1", "a key has more than ten parts"),
        (f"a = {'[' * 9999}", "job.toml is no TOML"),
        (f"{RUN}# {'x' * job_file.MOST_BYTES}", "are the most. Name another job file"),
    ],
    ids=lambda text: text[:40],
)
def test_what_a_job_file_cannot_say(optimize, lines, says):
    done = optimize(lines)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["job.toml", "spy.csv"]


def test_only_a_regular_file_is_a_job_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.toml")
    Path("zero.toml").symlink_to("/dev/zero")
    Path("folder.toml").mkdir()
    for name, kind in (("pipe", "a pipe"), ("zero", "a device"), ("folder", "a directory")):
        done = inside("optimize", f"{name}.toml")
        assert done.returncode == 2 and f"is {kind}, not a regular file" in done.stderr


@pytest.mark.parametrize("table", [False, True])
def test_prices_of_a_job_file_are_files(optimize, table):
    os.mkfifo("pipe.csv")
    for name in ("pipe.csv", "/dev/zero"):
        done = optimize(f'[prices]\nSPY = "{name}"' if table else f'prices = ["spy.csv", "{name}"]')
        assert done.returncode == 2 and "is neither a file nor a directory. A pipe" in done.stderr
    long = optimize(f'prices = "{"x" * 5000}"')
    assert long.returncode == 2 and long.stderr.count("\n") == 1


def test_a_linked_job_file_is_read(optimize):
    assert optimize(RUN).returncode == 0
    Path("linked.toml").symlink_to("job.toml")
    assert inside("optimize", "linked.toml").returncode == 0


def test_job_files_that_runs_write_say_only_what_job_files_may(one_run):
    for text in ((one_run / "job.toml").read_text(), inside("show", one_run, "--toml").stdout):
        keys = {key.replace("-", "_") for key in tomllib.loads(text)}
        assert not keys & {*job_file.COMMAND_LINE_ONLY, "out", "save_grid"}


@pytest.mark.parametrize("key", job_file.COMMAND_LINE_ONLY)
def test_a_run_directory_names_no_cluster_and_no_file_to_write(one_run, tmp_path, key):
    """A header with such entries is that of a run without them."""
    run = tmp_path / "run"
    shutil.copytree(one_run, run)
    header = json.loads((run / "run.json").read_bytes())
    header[key] = header["fingerprint"][key] = str(tmp_path / "x.prom")
    header["checksum"] = compute_checksum(header)
    (run / "run.json").write_text(json.dumps(header))
    assert inside("resume", run, "--json").returncode == 0
    assert not (tmp_path / "x.prom").exists()
