"""``qmac luck`` as its users meet it."""

import dataclasses
import json
import shutil

import pytest
from helpers.series import frame, series
from helpers.terminal import inside

import qmac
from qmac.cli.interrupts import Interruption
from qmac.robustness.luck.store import ANSWER, RECORDS, SCORES
from qmac.runs.directory import RunDirectory
from qmac.storage.directories import safe_name

WINDOWS = ("--windows", "2,3,5,8,13,21")
FEW = ("--resamples", 19)
SYMBOL = safe_name("spy")


@pytest.fixture(autouse=True)
def _command_of_its_own(monkeypatch):
    """A process has one command; what it says of an interrupt ends with it."""
    for name in ("written", "stopping", "resume", "place"):
        monkeypatch.setattr(Interruption, name, getattr(Interruption, name))


@pytest.fixture(scope="module")
def swept(csv, tmp_path_factory):
    """The directory of a finished run."""
    path = tmp_path_factory.mktemp("luck") / "run"
    done = inside("optimize", csv, *WINDOWS, "--out", path)
    assert done.returncode == 0, done.stderr
    assert f"is it luck? qmac luck {path} (about " in done.stdout.splitlines()[-1]
    return path


@pytest.fixture
def run(swept, tmp_path):
    """A copy of it, without an answer."""
    return shutil.copytree(swept, tmp_path / "run")


def read_folder(path):
    """Return the content of all files, but the lock."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != "lock")
    return {file.relative_to(path): file.read_bytes() for file in files}


def test_a_run(run):
    done = inside("luck", run, *FEW)
    assert done.returncode == 0, done.stderr
    for words in ("spy: the best of", "random order", "random direction", "as good", "saved in"):
        assert words in done.stdout
    assert f"qmac luck {run} --resamples 19" in done.stderr
    luck = qmac.load(run / "luck" / SYMBOL / ANSWER)
    assert luck.digest == qmac.load(run).luck(19).digest
    answer = json.loads(inside("luck", run, *FEW, "--json").stdout)
    assert answer == {"luck": luck.summary()}
    assert f"is it luck? p {luck.p:.3f}" in inside("show", run).stdout


def test_the_file_of_an_answer_is_shown(run, tmp_path):
    assert inside("luck", run, *FEW, "--out", tmp_path / "luck").returncode == 0
    file = tmp_path / "luck" / ANSWER
    luck = qmac.load(file)
    for place in (file, file.parent):
        done = inside("show", place)
        assert done.returncode == 0, done.stderr
        assert luck.headline in " ".join(done.stdout.split())
        assert json.loads(inside("show", place, "--json").stdout) == {"luck": luck.summary()}
    refused = inside("show", file, "--toml")
    assert refused.returncode == 2 and "is an answer" in refused.stderr
    tries = qmac.load(run).tries(5).save(tmp_path / "tries.json")
    assert "independent tries" in " ".join(inside("show", tries).stdout.split())
    for other in (run / "run.json", file.with_name(SCORES), file.with_name(RECORDS)):
        done = inside("show", other)
        assert done.returncode == 2 and "is a file, not a directory" in done.stderr
    file.write_text("{}")
    done = inside("show", file)
    assert done.returncode == 2 and "is damaged" in done.stderr


def test_more_resamples_go_on(run):
    assert inside("luck", run, *FEW, "--stop-after", "never").returncode == 0
    before = (run / "luck" / SYMBOL / RECORDS).read_bytes()
    assert inside("luck", run, "--resamples", 29, "--stop-after", "never").returncode == 0
    after = (run / "luck" / SYMBOL / RECORDS).read_bytes()
    assert after.startswith(before) and after.count(b"\n") == before.count(b"\n") + 20


def test_prices_are_swept_first(csv, swept, tmp_path):
    expected = qmac.load(swept).luck(19)
    answer = json.loads(inside("luck", csv, *WINDOWS, *FEW, "--json").stdout)["luck"]
    assert answer["digest"] == expected.digest
    out = tmp_path / "new"
    for _ in range(2):  # the same command goes on
        done = inside("luck", csv, *WINDOWS, *FEW, "--out", out)
        assert done.returncode == 0, done.stderr
    assert qmac.load(out / "luck" / SYMBOL / ANSWER).digest == expected.digest
    job = tmp_path / "job.toml"
    job.write_text(f'prices = "{csv}"\nwindows = [2, 3, 5, 8, 13, 21]\nresamples = 19\n')
    assert json.loads(inside("luck", job, "--json").stdout)["luck"]["digest"] == expected.digest
    assert inside("optimize", job, "--dry-run").returncode == 0
    other = inside("luck", csv, "--windows", "2,3,5,8", *FEW, "--out", out)
    assert other.returncode == 2 and "holds another run" in other.stderr


def test_a_run_that_is_not_finished_is_finished_first(run):
    shutil.rmtree(run / "results" / SYMBOL)
    done = inside("luck", run, *FEW)
    assert done.returncode == 0, done.stderr
    assert (run / "results" / SYMBOL / "result.json").is_file()


def test_a_saved_result(run, csv, tmp_path):
    saved, bare = tmp_path / "saved", tmp_path / "bare"
    qmac.load(run).save(saved)
    done = inside("luck", saved, *FEW, "--out", tmp_path / "luck")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "luck" / ANSWER).is_file()
    assert read_folder(saved).keys().isdisjoint({ANSWER, RECORDS})
    dataclasses.replace(qmac.load(run), source=None).save(bare)
    refused = inside("luck", bare, *FEW)
    assert refused.returncode == 2 and "--prices FILE" in refused.stderr
    assert inside("luck", bare, *FEW, "--prices", csv).returncode == 0
    done = inside("luck", bare, *FEW, "--prices", csv, "--out", tmp_path / "other")
    assert f"qmac luck {bare} --out {tmp_path / 'other'} --prices {csv} " in done.stderr


def test_prices_of_a_result_are_read_as_options_say(run, csv, tmp_path):
    bare, table = tmp_path / "bare", tmp_path / "other.csv"
    dataclasses.replace(qmac.load(run), source=None).save(bare)
    table.write_text(csv.read_text().replace("Close", "Last"))
    reading = ("--prices", table, "--close", "Last")
    done = inside("luck", bare, *FEW, *reading, "--out", tmp_path / "luck")
    assert done.returncode == 0, done.stderr
    assert f"--prices {table} --close Last " in done.stderr
    assert inside("luck", bare, *reading, "--dry-run").returncode == 0
    without = inside("luck", bare, *FEW, "--close", "Last")
    assert without.returncode == 2 and "--close goes with prices" in without.stderr
    grid = inside("luck", bare, *FEW, *reading, "--windows", "2:9")
    assert grid.returncode == 2 and "--windows goes with prices" in grid.stderr


def test_how_to_go_on_is_said_only_where_it_can(run, tmp_path):
    """Not of what is done, nor where the same command would be refused again."""
    file, note = tmp_path / "file", "if this is interrupted"
    file.write_text("mine")
    for options in (("--memory", "1MiB"), ("--out", file), ("--memory", "1MiB", "--out", file)):
        done = inside("luck", run, *FEW, *options)
        assert done.returncode in (2, 74), done.stderr
        assert "Resume with" not in done.stderr
    assert file.read_text() == "mine"
    assert note in inside("luck", run, *FEW).stderr
    again = inside("luck", run, *FEW)
    assert again.returncode == 0 and note not in again.stderr and "saved in" in again.stdout


def test_tries_are_counted(run):
    expected = qmac.load(run).tries(9)
    done = inside("luck", run, "--tries", "--resamples", 9)
    assert done.returncode == 0, done.stderr
    assert expected.sentences[0] in " ".join(done.stdout.split())
    assert f"goes on with: qmac luck {run} --tries --resamples 9\n" in done.stderr
    file = run / "luck" / SYMBOL / "tries.json"
    assert qmac.load(file).digest == expected.digest
    again = inside("luck", run, "--tries", "--resamples", 9, "--json")
    assert json.loads(again.stdout)["tries"]["values"] == expected.values.tolist()
    assert "independent tries" in " ".join(inside("show", file).stdout.split())
    estimated = json.loads(inside("luck", run, "--tries", "--dry-run", "--json").stdout)
    assert estimated["resamples"] == 25
    for option in (("--tried", 3), ("--nulls", "mirror"), ("--stop-after", "never")):
        done = inside("luck", run, "--tries", *option)
        assert done.returncode == 2 and f"{option[0]} is about p" in done.stderr
    assert "at least 5" in inside("luck", run, "--tries", "--resamples", 4).stderr


def test_many_symbols(tmp_path):
    data, path = tmp_path / "data", tmp_path / "many"
    data.mkdir()
    for name, seed in (("AAA", 1), ("b c", 2)):
        frame(series("random", 300, seed)).to_csv(data / f"{name}.csv")
    (data / "BAD.csv").write_text("Date,Close\n2001-01-01,-1\n")
    assert inside("optimize", data, *WINDOWS, "--out", path).returncode == 3
    done = inside("luck", path, *FEW)
    assert done.returncode == 3, done.stderr  # one was left out of the run
    for words in ("AAA", "b c", "adjusted", "Of 2 symbols", "would be by luck alone"):
        assert words in done.stdout
    answer = json.loads(inside("luck", path, *FEW, "--json").stdout)
    assert [entry["name"] for entry in answer["luck"]] == ["AAA", "b c"]
    one = json.loads(inside("luck", path, *FEW, "--json", "--symbol", "b c").stdout)
    assert one["luck"]["digest"] == answer["luck"][1]["digest"]
    tries = json.loads(inside("luck", path, "--tries", "--resamples", 5, "--json").stdout)
    assert [entry["name"] for entry in tries["tries"]] == ["AAA", "b c"]
    assert "of b c is worth" in inside("luck", path, "--tries", "--resamples", 5).stdout
    lines = [line for line in inside("show", path).stdout.splitlines() if "is it luck" in line]
    assert len(lines) == 2 and "AAA: p " in lines[0]
    assert inside("luck", path, *FEW, "--symbol", "AAB").returncode == 2


def test_a_dry_run_writes_nothing(run, csv, tmp_path):
    before = read_folder(run)
    done = inside("luck", run, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "398 random markets" in done.stdout and "memory" in done.stdout
    assert read_folder(run) == before
    answer = json.loads(
        inside("luck", csv, *WINDOWS, "--dry-run", "--json", "--out", tmp_path / "new").stdout
    )
    assert answer["resamples"] == 398 and answer["duration"]["high"] > 0
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--resamples", 18), "resamples must be at least 19"),
        (("--stop-after", 4), "stop_after must be"),
        (("--stop-after", "soon"), "--stop-after must be a whole number or never, got 'soon'"),
        (("--tried", 0), "tried must be"),
        (("--seed", -1), "seed must be"),
        (("--nulls", "shufle"), "Did you mean 'shuffle'"),
        (("--nulls", "mirror,mirror"), "different names"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(run, csv, tmp_path, options, words):
    before = read_folder(run)
    for target in ((run,), (csv, *WINDOWS, "--out", tmp_path / "new")):
        done = inside("luck", *target, *options)
        assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert read_folder(run) == before and not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("closes", "words"),
    [
        (series("random", 30, 4), "moves"),
        ([100.0 * 1.01**number for number in range(200)], "moves"),
    ],
)
def test_bad_prices_are_refused_before_they_are_swept(tmp_path, closes, words):
    path = tmp_path / "spy.csv"
    frame(closes).to_csv(path)
    done = inside("luck", path, "--windows", "2,3,4,5", "--out", tmp_path / "new")
    assert done.returncode == 2 and words in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_run_with_too_few_moves_has_nothing_to_go_on_with(tmp_path):
    path = tmp_path / "spy.csv"
    frame(series("random", 30, 4)).to_csv(path)
    words = ("--windows", "2,3,4,5", "--min-trades", 1, "--out", tmp_path / "run")
    assert inside("optimize", path, *words).stdout
    done = inside("luck", tmp_path / "run", *FEW)
    assert done.returncode == 2 and "29 moves" in done.stderr
    assert "Resume with" not in done.stderr


def test_nothing_was_scored(csv, tmp_path):
    path = tmp_path / "run"
    inside("optimize", csv, *WINDOWS, "--min-trades", 1000, "--out", path)
    done = inside("luck", path)
    assert done.returncode == 2 and "no combination was scored" in done.stderr
    assert not (path / "luck").exists()


def test_averages_of_the_user(csv, tmp_path):
    prices = qmac.read_prices(csv)
    grid = qmac.Grid(windows=(2, 3, 5, 8))
    averages = {window: prices.frame["Close"].rolling(window).mean() for window in grid.windows}
    path = tmp_path / "run"
    qmac.optimize(prices, grid, averages=averages, out=path)
    done = inside("luck", path)
    assert done.returncode == 2 and "averages of your own" in done.stderr
    shutil.rmtree(path / "results")
    done = inside("luck", path)
    assert done.returncode == 2 and "averages of your own" in done.stderr
    assert not (path / "luck").exists() and not (path / "results").exists()


def test_other_kernels(run, monkeypatch):
    from qmac.runs import header

    monkeypatch.setattr(header.Fingerprint, "is_of_this_version", property(lambda _: False))
    done = inside("luck", run)
    assert done.returncode == 2 and "kernels" in done.stderr
    assert not (run / "luck").exists()


def test_failed_cells(run, monkeypatch):
    from qmac.results import reader

    def load(*arguments):
        return dataclasses.replace(read(*arguments), failed=[{"cell": 1, "reason": "none"}])

    read = reader._load
    monkeypatch.setattr(reader, "_load", load)
    done = inside("luck", run)
    assert done.returncode == 2 and "1 cells failed" in done.stderr
    assert not (run / "luck").exists()


def test_options_of_a_sweep_do_not_go_with_a_run(run, csv, tmp_path, monkeypatch):
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path / "none"))
    done = inside("luck", run, "--windows", "2:9")
    assert done.returncode == 2 and "--windows goes with prices" in done.stderr
    done = inside("luck", csv, "--prices", csv)
    assert done.returncode == 2 and "--prices goes with the directory" in done.stderr
    assert "prices are missing" in inside("luck").stderr


def test_a_damaged_answer_and_damaged_records(run):
    assert inside("luck", run, *FEW).returncode == 0
    folder = run / "luck" / SYMBOL
    text = (folder / ANSWER).read_text()
    (folder / ANSWER).write_text(text.replace('"tried": 1', '"tried": 2'))
    shown = inside("show", run)
    assert shown.returncode == 3 and "is damaged" in shown.stderr
    assert inside("luck", run, *FEW).returncode == 0  # it is written again, from the records
    assert (
        json.loads((folder / ANSWER).read_text())["luck"]["digest"]
        == (json.loads(text)["luck"]["digest"])
    )
    (folder / SCORES).unlink()
    assert inside("luck", run, *FEW).returncode == 0
    assert (folder / SCORES).is_file()
    (folder / RECORDS).write_text("damaged\n")
    done = inside("luck", run, *FEW)
    assert done.returncode == 2 and "is damaged" in done.stderr and RECORDS in done.stderr


@pytest.mark.parametrize("name", ["luck", f"luck/{SYMBOL}", f"luck/{SYMBOL}/{RECORDS}"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_in_its_place(run, tmp_path, name, kind):
    place, other = run / name, tmp_path / "other"
    place.parent.mkdir(parents=True, exist_ok=True)
    other.mkdir()
    if kind == "link":
        place.symlink_to(other)
    elif name.endswith(RECORDS):
        place.mkdir()
    else:
        place.write_text("mine")
    done = inside("luck", run, *FEW)
    assert done.returncode in (2, 74) and done.stderr.splitlines()[-1].startswith("qmac: ")
    assert not list(other.iterdir())


def test_another_seed_is_another_question(run):
    assert inside("luck", run, *FEW).returncode == 0
    done = inside("luck", run, *FEW, "--seed", 2)
    assert done.returncode == 2 and "seed" in done.stderr
    assert "Resume with" not in done.stderr


def test_a_limit_stops_it_and_the_same_command_goes_on(run):
    many = ("--resamples", 99_999, "--stop-after", "never")
    done = inside("luck", run, *many, "--max-time", "0.01s")
    assert done.returncode == 75, done.stderr
    assert f"Resume with: qmac luck {run}" in done.stderr
    unsaved = inside("luck", "--sample", *WINDOWS, *many, "--max-time", "0.01s")
    assert unsaved.returncode == 75
    assert inside("luck", run, *FEW).returncode == 0


def test_a_directory_of_runs_is_not_one(run):
    done = inside("luck", run.parent)
    assert done.returncode == 2 and f"Name one, such as {run}" in done.stderr


def test_a_run_that_cannot_be_written(run, tmp_path, monkeypatch):
    before = read_folder(run)
    monkeypatch.setattr(RunDirectory, "is_writable", False)
    done = inside("luck", run, *FEW)
    assert done.returncode == 74 and "--out DIR" in done.stderr
    assert inside("luck", run, *FEW, "--out", tmp_path / "elsewhere").returncode == 0
    assert (tmp_path / "elsewhere" / ANSWER).is_file() and read_folder(run) == before
