"""``qmac walk-forward`` as its users meet it."""

import contextlib
import json
import shutil

import pytest
from helpers.faults import Halt, slow
from helpers.series import frame, series
from helpers.terminal import inside

import qmac
from qmac.cli.interrupts import Interruption
from qmac.robustness.forward.store import RECORDS
from qmac.storage.directories import safe_name

WINDOWS = ("--windows", "2,3,5,8,13")
LENGTHS = ("--train", 100, "--test", 60)


@pytest.fixture(autouse=True)
def _command_of_its_own(monkeypatch):
    """A process has one command; what it says of an interrupt ends with it."""
    for name in ("written", "stopping", "resume", "place"):
        monkeypatch.setattr(Interruption, name, getattr(Interruption, name))


@pytest.fixture(scope="module")
def walked(csv, tmp_path_factory):
    """The directory of a finished walk-forward."""
    path = tmp_path_factory.mktemp("walk") / "walk"
    done = inside("walk-forward", csv, *WINDOWS, *LENGTHS, "--out", path)
    assert done.returncode == 0, done.stderr
    assert f"the same goes on with: qmac resume {path}" in done.stderr
    assert f"saved in {path}" in done.stdout and f"page: qmac report {path}" in done.stdout
    return path


def test_the_answer_is_that_of_python(csv, walked, tmp_path):
    grid = qmac.Grid(windows=(2, 3, 5, 8, 13))
    expected = qmac.walk_forward(qmac.read_prices(csv), grid, train=100, test=60)
    assert qmac.load(walked).digest == expected.digest
    memory = json.loads(inside("walk-forward", csv, *WINDOWS, *LENGTHS, "--json").stdout)
    assert memory["walk_forward"]["digest"] == expected.digest
    shown = inside("show", walked)
    assert shown.returncode == 0 and expected.headline in shown.stdout
    assert json.loads(inside("show", walked, "--json").stdout)["walk_forward"]["folds"]
    toml = tmp_path / "job.toml"
    toml.write_text(inside("show", walked, "--toml").stdout)
    again = json.loads(inside("walk-forward", toml, "--json").stdout)
    assert again["walk_forward"]["digest"] == expected.digest
    assert inside("optimize", toml, "--dry-run").returncode == 0
    assert "top" not in toml.read_text()


def test_it_goes_on(csv, walked, tmp_path):
    path = shutil.copytree(walked, tmp_path / "walk")
    folder = path / "forward" / safe_name("spy")
    lines = (folder / RECORDS).read_bytes().splitlines(keepends=True)
    (folder / "forward.json").unlink()
    (folder / RECORDS).write_bytes(b"".join(lines[:-3]))
    assert "interrupted" in inside("runs", path).stdout
    unfinished = inside("show", path)
    assert unfinished.returncode == 2 and f"qmac resume {path}" in unfinished.stderr
    assert inside("resume", path).returncode == 0
    assert qmac.load(path).digest == qmac.load(walked).digest
    assert "finished" in inside("runs", path).stdout
    assert inside("walk-forward", csv, *WINDOWS, *LENGTHS, "--out", path).returncode == 0
    other = inside("walk-forward", csv, *WINDOWS, "--holdout", 0.3, "--out", path)
    assert other.returncode == 2 and "holds another run: folds.train is" in other.stderr
    assert "not none" in other.stderr
    other = inside("walk-forward", path, "--holdout", 0.3)
    assert other.returncode == 2 and "holds the folds of another question" in other.stderr
    assert "goes on with" not in other.stderr
    again = inside("walk-forward", path)
    assert again.returncode == 0 and "goes on with" not in again.stderr  # all is there
    swept = inside("optimize", csv, *WINDOWS, "--out", path)
    assert swept.returncode == 2 and "it is a walk-forward" in swept.stderr
    assert inside("resume", path, "--retry-failed").returncode == 2
    assert "holds a walk-forward" in inside("verify", path).stderr
    with pytest.raises(qmac.InputError, match="holds a walk-forward"):
        qmac.resume(path)


@pytest.mark.slow
def test_a_sweep_at_hand_goes_on_from_its_snapshot(tmp_path, monkeypatch):
    """Train and test: what is swept of them is not swept again."""
    slow(monkeypatch)
    prices, grid = {"SPY": frame(series("random", 300, 4))}, qmac.Grid(windows=range(2, 12))
    request = {"train": 100, "test": 100, "threads": 2}
    expected = qmac.walk_forward_many(prices, grid, **request)["SPY"]
    out, begun = tmp_path / "out", []
    trained, tested = (f"SPY 2001-{dates}" for dates in ("01-16 to 2001-06-04", "06-05 to"))

    def walk(halted=None):
        """Halt in the middle of what is swept on these dates."""
        first = {}

        def listen(status):
            share = status.done / status.size
            first.setdefault(status.name.removesuffix(" 2001-10-22"), share)
            if halted is not None and status.name.startswith(halted) and share > 0.4:
                raise Halt

        with contextlib.suppress(Halt):
            qmac.walk_forward_many(prices, grid, **request, out=out, progress=listen)
        begun.append(first)

    walk(trained)
    assert list((out / "snapshots").iterdir())
    walk(tested)
    assert list((out / "snapshots").iterdir())
    walk()
    assert begun[0][trained] == begun[1][tested] == 0
    assert begun[1][trained] > 0.2 and begun[2][tested] > 0.2
    assert trained not in begun[2]  # it is done
    assert qmac.load(out).digest == expected.digest
    assert not list((out / "snapshots").iterdir())


def test_a_finished_one_is_shown_without_its_prices(walked, tmp_path):
    path = shutil.copytree(walked, tmp_path / "walk")
    shutil.rmtree(path / "prices")
    shown = inside("resume", path)
    assert shown.returncode == 0, shown.stderr
    assert qmac.load(walked).headline in shown.stdout and f"saved in {path}" in shown.stdout
    (answer,) = path.glob("forward/*/forward.json")
    answer.write_text("{}")
    assert inside("resume", path).returncode == 2  # they are needed


def test_a_run_of_a_sweep_has_it_beside_its_result(csv, walked, tmp_path):
    run = tmp_path / "run"
    assert inside("optimize", csv, *WINDOWS, "--out", run).returncode == 0
    done = inside("walk-forward", run, *LENGTHS)
    assert done.returncode == 0, done.stderr
    assert f"goes on with: qmac walk-forward {run} --train 100 --test 60" in done.stderr
    assert qmac.load(run).best is not None
    assert "walk-forward: Followed, the winners made" in inside("show", run).stdout
    numbers = json.loads(inside("report", run, "--json").stdout)
    assert numbers["walk_forward"]["digest"] == qmac.load(walked).digest
    fees = inside("walk-forward", run, *LENGTHS, "--fees", 0.1)
    assert fees.returncode == 2 and "--fees goes with prices" in fees.stderr
    other = inside("walk-forward", run, *LENGTHS, "--symbol", "foo")
    assert other.returncode == 2 and "there are no prices of 'foo'" in other.stderr


def test_pages(walked, tmp_path):
    done = inside("report", walked, "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert "winners followed" in (tmp_path / "page.html").read_text()
    numbers = json.loads(inside("report", walked, "--json").stdout)["walk_forward"]
    assert len(numbers["folds"]) == len(qmac.load(walked).folds)
    assert not (walked / "report.html").exists()


def test_many_symbols(tmp_path):
    data, path = tmp_path / "data", tmp_path / "many"
    data.mkdir()
    for name, seed, bars in (("AAA", 1, 300), ("b c", 2, 300), ("few", 3, 120)):
        frame(series("random", bars, seed)).to_csv(data / f"{name}.csv")
    done = inside("walk-forward", data, *WINDOWS, *LENGTHS, "--out", path)
    assert done.returncode == 3, done.stderr
    for words in ("AAA", "b c", "kept share", "Of 2 symbols", "left out: there is no whole fold"):
        assert words in done.stdout
    shown = json.loads(inside("show", path, "--json").stdout)
    assert [entry["name"] for entry in shown["walk_forward"]] == ["AAA", "b c"]
    one = inside("show", path, "--symbol", "b c")
    assert one.returncode == 0 and "b c: the best of" in one.stdout
    assert inside("report", path, "--each").returncode == 0
    assert len(list(path.glob("report*.html"))) == 3
    assert inside("walk-forward", data, *LENGTHS, "--symbol", "AAB").returncode == 2


def test_a_dry_run_writes_nothing(csv, tmp_path):
    out = tmp_path / "new"
    done = inside("walk-forward", csv, *WINDOWS, *LENGTHS, "--dry-run", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "folds" in done.stdout and "sweeps" in done.stdout and not out.exists()
    answer = json.loads(
        inside("walk-forward", csv, *WINDOWS, *LENGTHS, "--dry-run", "--json").stdout
    )
    assert answer["sweeps"] == 2 * answer["folds"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--train and --test are missing"),
        (("--train", 100), "--test is missing"),
        (("--holdout", 0.3, "--train", 100, "--test", 20), "Use one of both"),
        (("--holdout", 1.5), "holdout must be between 0 and 1"),
        (("--train", "4 parsecs", "--test", 60), "train must be a length"),
        (("--train", 100, "--test", 1), "test must have 2 to"),
        (("--train", 8, "--test", 60), "one more than the largest window"),
        (("--train", 10000, "--test", 60), "there is no whole fold"),
        ((*LENGTHS, "--gap", -1), "gap must be"),
        (("--holdout", 0.3, "--anchored"), "it is about several folds"),
        ((*LENGTHS, "--top", 5), "No such option"),
    ],
)
def test_bad_input_before_anything_is_written(options, words, csv, tmp_path):
    out = tmp_path / "new"
    done = inside("walk-forward", csv, *WINDOWS, *options, "--out", out)
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert done.stdout == "" and not out.exists()
