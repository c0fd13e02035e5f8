"""Commands without an argument: they read the last result, and say which it is."""

import json
import shutil

import pytest
from helpers.series import frame, series
from helpers.terminal import inside

from qmac.runs.last_results import list_last_results
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.storage.json_text import compute_checksum

LINE = "last result: qmac report, qmac show, qmac signal read it; qmac save DIR saves it"
WORDS = ("--windows", "2:9", "--min-trades", 1, "--threads", 1)


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path / "results"))
    monkeypatch.setenv("QMAC_LAST_RESULTS", "2")
    return tmp_path / "results"


@pytest.fixture
def last(place, csv):
    done = inside("optimize", csv, *WORDS)
    assert done.returncode == 0 and LINE in done.stdout, done.stderr
    assert "qmac luck (about" in done.stdout or "qmac luck --threads 1 (about" in done.stdout
    return list_last_results()[0]


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("show", "--json"),
        ("show", "--toml"),
        ("verify", "--rows", 1),
        ("export",),
        ("export", "--what", "pine"),
        ("signal", "--json"),
        ("signal", "--combination", "3 5 4 6"),
    ],
)
def test_without_an_argument_it_is_as_with_it(last, words, monkeypatch):
    monkeypatch.setattr("qmac.verification.vectorbt.is_installed", lambda: False)  # 20 s of Numba
    done = inside(*words)
    named = inside(words[0], last, *words[1:])
    assert done.returncode == named.returncode == 0, done.stderr
    assert done.stdout == named.stdout and "last result" not in named.stderr
    assert done.stderr.startswith("qmac: last result: spy, total_return, 2:9, 20")
    assert done.stderr.count("\n") == 1


def test_a_page_is_in_the_current_directory(last, tmp_path):
    pytest.importorskip("plotly")
    for words in ((), (last,)):  # a directory that will be removed is no place for a page
        done = inside("report", *words)
        assert done.returncode == 0, done.stderr
        page = tmp_path / "work" / "qmac-report.html"
        assert "qmac-report.html" in done.stdout and "open it in a browser" in done.stdout
        page.unlink()
    assert not list(last.rglob("*.html"))


def test_luck_is_judged_and_stored_with_it(last):
    done = inside("luck", "--resamples", 19, "--threads", 1)
    assert done.returncode == 0 and f"saved in {last}" in done.stdout
    assert done.stderr.startswith("qmac: last result: spy")
    assert "is it luck?" in inside("show").stdout
    done = inside("luck", "--windows", "2:5")
    assert done.returncode == 2 and "Leave it out, or name prices" in done.stderr


def test_a_walk_forward_of_its_settings(last):
    done = inside("walk-forward", "--holdout", 0.3, "--threads", 1)
    assert done.returncode == 0 and f"saved in {last}" in done.stdout, done.stderr


def test_a_job_file_without_prices_is_not_the_last_result(last, tmp_path):
    (tmp_path / "job.toml").write_text('windows = "2:5"\n')
    assert "prices are missing" in inside("luck", tmp_path / "job.toml").stderr


class SimulatedRay(ThreadExecutor):
    """Threads that say they are a cluster of three."""

    address, options, workers = None, ["--executor", "ray"], 3

    def __init__(self, *_, **__):
        super().__init__(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_it_is_saved_as_a_run_of_its_own(last, tmp_path, csv):
    assert inside("optimize", csv, *WORDS, "--out", tmp_path / "out").returncode == 0
    done = inside("save", tmp_path / "saved")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("qmac: last result: spy")
    assert done.stdout.startswith(f"saved in {tmp_path / 'saved'}; show it: qmac show ")
    files = [
        {str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*")} - {"lock"}
        for name in ("out", "saved")
    ]
    assert files[0] == files[1]
    shown = [
        json.loads(inside("show", tmp_path / name, "--json").stdout) for name in ("out", "saved")
    ]
    assert shown[0]["digest"] == shown[1]["digest"]
    assert inside("resume", tmp_path / "saved").returncode == 0
    again = inside("save", tmp_path / "saved")
    assert again.returncode == 2 and "exists and is not empty" in again.stderr
    done = inside("save", tmp_path / "other", "--json")
    assert json.loads(done.stdout) == {"directory": str(tmp_path / "other")}


def test_the_hint_computes_where_the_sweep_did(place, csv, tmp_path, monkeypatch):
    monkeypatch.setattr("qmac.runtime.cluster.ray_executor.RayExecutor", SimulatedRay)
    words = (*WORDS, "--executor", "ray")
    assert "? qmac luck --threads 1 --executor ray (" in inside("optimize", csv, *words).stdout
    done = inside("optimize", csv, *words, "--out", tmp_path / "out")
    assert f"? qmac luck {tmp_path / 'out'} --threads 1 --executor ray (" in done.stdout


def test_many_symbols_are_one_result(place, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number, name in enumerate("ABCDE"):
        frame(series("random", 200, number)).to_csv(folder / f"{name}.csv")
    done = inside("optimize", folder, *WORDS)
    assert done.returncode == 0 and LINE in done.stdout
    done = inside("show", "--symbol", "C")
    assert done.returncode == 0 and "qmac: last result: A, B, C, 2 more, total" in done.stderr
    assert list_last_results()[0].name.endswith("-A-and-4-more")


def cut(pattern):
    """Return what cuts off the end of a file."""

    def damage(path):
        (file,) = path.glob(pattern)
        file.write_bytes(file.read_bytes()[:-9])

    return damage


def remove(pattern):
    """Return what removes a file."""

    def damage(path):
        (file,) = path.glob(pattern)
        file.unlink()

    return damage


def change_format(pattern):
    """Return what makes a file one of a version that is not known."""

    def damage(path):
        (file,) = path.glob(pattern)
        values = json.loads(file.read_text()) | {"format": 99, "qmac": "9.0"}
        file.write_text(json.dumps(values | {"checksum": compute_checksum(values)}))

    return damage


DAMAGE = {
    "is damaged": cut("run.json"),
    "holds no run: there is no run.json": remove("run.json"),
    "was written by qmac 9.0 in run format 99": change_format("run.json"),
    "is damaged (its text is not what": cut("results/*/result.json"),
    "holds no result": remove("results/*/result.json"),
    "top.parquet is damaged": cut("results/*/top.parquet"),
    "arrays.npz is damaged": cut("results/*/arrays.npz"),
    "arrays.npz: No such file": remove("results/*/arrays.npz"),
    " was written by qmac 9.0. Update qmac to read it": change_format("results/*/result.json"),
    ".parquet is damaged": cut("prices/*"),
    ".parquet: No such file": remove("prices/*"),
}


def test_a_damaged_one_gives_way_to_an_older_one(last, csv):
    assert inside("optimize", csv, "--windows", "2:5", "--json").returncode == 0
    newest, older = list_last_results()
    sound = newest.with_name("sound")
    shutil.copytree(newest, sound)
    for reason, damage in DAMAGE.items():
        damage(newest)
        done = inside("signal", "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith("qmac: last result: spy, total_return, 2:9, ")
        assert f"; a newer one cannot be read: {newest}: " in done.stderr and reason in done.stderr
        assert done.stderr.count("\n") == 1
        shutil.rmtree(newest)
        shutil.copytree(sound, newest)
    remove("run.json")(newest)
    remove("results/*/result.json")(older)
    done = inside("show")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "no last result can be read: " in done.stderr and "Run 'qmac optimize'" in done.stderr


def test_the_list_of_them(place, csv):
    assert "there is no last result" in inside("runs", "--last").stderr
    assert "the last ones: qmac runs --last" in inside("runs").stderr
    for windows in ("2:5", "2:6", "2:7"):
        assert inside("optimize", csv, "--windows", windows, "--json").returncode == 0
    answer = json.loads(inside("runs", "--last", "--json").stdout)["runs"]
    assert [entry["asked"] for entry in answer] == ["total_return, 2:7", "total_return, 2:6"]
    assert "2:7" in inside("runs", "--last").stdout
    done = inside("runs", place, "--last")
    assert done.returncode == 2 and "--last goes without" in done.stderr


def test_what_is_saved_or_only_estimated_is_none(place, csv, tmp_path):
    assert inside("optimize", csv, *WORDS, "--out", tmp_path / "out").returncode == 0
    assert inside("optimize", csv, *WORDS, "--dry-run").returncode == 0
    assert list_last_results() == []


def test_a_disk_that_refuses_it_is_no_error(place, csv):
    place.write_text("a file")
    done = inside("optimize", csv, *WORDS)
    assert done.returncode == 0 and "not saved: add --out DIR" in done.stdout
    assert f"({place} is not a directory)" in done.stdout  # why, without --verbose too
    assert "last result" not in done.stdout + done.stderr
    done = inside("show")
    assert done.returncode == 2 and "is not a directory. Name the directory" in done.stderr
    done = inside("luck")
    assert done.returncode == 2 and "prices are missing, and there is no last" in done.stderr
    assert f"{place} is not a directory. Name the directory" in done.stderr


def test_a_large_result_is_said_to_be_none(place, csv, monkeypatch):
    monkeypatch.setattr("qmac.jobs.last_result_writer.MOST_BYTES", 1 << 10)
    done = inside("optimize", csv, *WORDS)
    assert done.returncode == 0 and "not saved, for it takes more than" in done.stdout


def test_a_wrong_variable_is_refused_before_anything_is_swept(place, csv, monkeypatch):
    monkeypatch.setenv("QMAC_LAST_RESULTS", "many")
    done = inside("optimize", csv, *WORDS)
    assert done.returncode == 2 and "QMAC_LAST_RESULTS must be" in done.stderr and not done.stdout
