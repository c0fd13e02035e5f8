"""The newest few results in the cache directory: added whole, held while they are read."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmac.errors import OptionError, ResultError, WriteError
from qmac.runs import last_results
from qmac.runs.last_results import (
    add_last_result,
    hold_last_result,
    is_last_result,
    list_last_results,
    read_name,
)
from qmac.storage.lock import LOCK, hold_lock


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path / "results"))
    monkeypatch.setenv("QMAC_LAST_RESULTS", "3")
    return tmp_path / "results"


def add(*symbols, text="x"):
    with add_last_result(symbols or ("SPY",)) as path:
        path.mkdir()
        (path / "run.json").write_text(text)


def accept(_):
    pass


def refuse(*texts):
    """Return a check that refuses the runs with these texts."""

    def check(path):
        text = (path / "run.json").read_text()
        if text in texts:
            raise ResultError(f"{path / 'run.json'} is {text}.", "Run it again.")
        if text == "gone":
            raise FileNotFoundError(2, "No such file", str(path / "results" / "top.parquet"))

    return check


def test_the_newest_few_stay(place):
    for number in range(5):
        add(text=str(number))
    assert [(path / "run.json").read_text() for path in list_last_results()] == ["4", "3", "2"]
    assert sorted(path.name for path in place.iterdir() if path.name[0] == ".") == [".lock"]
    with hold_last_result(accept) as last:
        assert last.path == list_last_results()[0] and is_last_result(last.path)
        assert not last.skipped
    assert not is_last_result(place) and not is_last_result(Path("20260101-000000-000000-SPY"))


def test_names_say_when_and_what(place):
    add("SPY")
    add("brk/b", "QQQ", "IWM")
    newest, oldest = (path.name for path in list_last_results())
    assert oldest.endswith("-SPY") and "brk_b~" in newest and newest.endswith("-and-2-more")
    name = read_name(place / oldest)
    assert name is not None and abs((datetime.now(UTC) - name.moment).total_seconds()) < 60
    assert read_name(place / "000001-20269999-000000-SPY") is None


def test_a_clock_that_was_wrong_does_not_change_which_is_last(place, monkeypatch):
    class Late:
        def __init__(self, year):
            self.year = year

        def now(self, zone):
            return datetime(self.year, 1, 1, tzinfo=zone)

        strptime = staticmethod(datetime.strptime)

    for year in (2090, 2026):
        monkeypatch.setattr(last_results, "datetime", Late(year))
        add(text=str(year))
    assert [(path / "run.json").read_text() for path in list_last_results()] == ["2026", "2090"]

    with hold_last_result(accept) as last:  # and its date is no other than that of its clock
        assert last.moment == datetime(2026, 1, 1, tzinfo=UTC)


def test_names_without_a_number_are_older(place):
    place.mkdir(mode=0o700)
    old = ["20990101-000000-000001-SPY", "20990101-000000-000000-SPY"]
    for name in old:
        (place / name).mkdir()
        (place / name / ".last").touch()
    add()
    assert [path.name for path in list_last_results()][1:] == old
    add()
    assert [path.name for path in list_last_results()][2:] == old[:1]


def test_one_that_cannot_be_read_is_left_out(place):
    for text in ("whole", "cut", "gone", "damaged"):
        add(text=text)
    newest, middle, older = list_last_results()
    reason = f"{newest}: run.json is damaged"
    with pytest.raises(ResultError, match="no last result can be read: .*Run 'qmac optimize' aga"):
        hold_last_result(refuse("cut", "gone", "damaged")).__enter__()
    with hold_last_result(refuse("damaged", "gone")) as last:
        assert last.path == older and last.skipped.endswith(
            f"ones cannot be read, such as {reason}"
        )
    (middle / "run.json").write_text("whole")
    with hold_last_result(refuse("damaged")) as last:
        assert last.path == middle and last.skipped == f"a newer one cannot be read: {reason}"


@pytest.mark.skipif(not hasattr(last_results.os, "getuid"), reason="permissions of Unix")
def test_one_whose_mark_may_not_be_looked_at_is_left_out(place, monkeypatch):
    for text in ("1", "2", "3"):
        add(text=text)
    newest = list_last_results()[0]
    denied = PermissionError(13, "Permission denied", str(newest / ".last"))
    look_up, open_file = last_results.look_up, last_results.hold_lock

    def refuse_newest(function):
        def call(path, *rest):
            if path == newest / ".last":
                raise denied
            return function(path, *rest)

        return call

    def check(path):
        if path == newest:
            raise denied

    monkeypatch.setattr(last_results, "look_up", refuse_newest(look_up))
    monkeypatch.setattr(last_results, "hold_lock", refuse_newest(open_file))
    with hold_last_result(check) as last:
        assert ": .last: Permission denied" in last.skipped and last.path != newest
    add(), add(), add()
    assert newest in list_last_results()  # it cannot be locked, and does not save the older ones
    assert len(list_last_results()) == 4


def test_nothing_else_is_removed(place):
    place.mkdir(mode=0o700)
    folder = place / "20200101-000000-000000-MINE"  # the name of one, and not written by qmac
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    (place / "runs").mkdir()
    outside = place.parent / "outside"
    outside.mkdir()
    (outside / ".last").touch()
    (place / "20200101-000000-000001-LINK").symlink_to(outside)
    for _ in range(5):
        add()
    assert (folder / "notes.txt").is_file() and (place / "runs").is_dir()
    assert (outside / ".last").is_file() and len(list_last_results()) == 3


def test_what_is_read_or_written_stays(place):
    with ExitStack() as stack:
        for number in range(4):
            add(text=str(number))
            path = stack.enter_context(hold_last_result(accept)).path
            if number == 1:
                stack.enter_context(hold_lock(path / LOCK, path))
        add()
        assert len(list_last_results()) == 5
    add()
    assert len(list_last_results()) == 3


def test_two_commands_read_the_same(place):
    add()
    with hold_last_result(accept) as first, hold_last_result(accept) as second:
        assert first == second


def test_of_a_block_that_fails_nothing_is_left(place):
    add(text="whole")
    with pytest.raises(KeyboardInterrupt), add_last_result(["SPY"]) as path:
        path.mkdir()
        (path / "run.json").write_text("half")
        raise KeyboardInterrupt
    assert {path.name for path in place.iterdir()} == {".lock", list_last_results()[0].name}


def test_what_a_killed_command_left_is_removed(place):
    add()
    for name in (".new", ".old"):
        (place / name / "results").mkdir(parents=True)
    for _ in range(3):
        add()
    assert not (place / ".new").exists() and not (place / ".old").exists()


def test_commands_at_once_each_add_theirs(place, monkeypatch):
    monkeypatch.setenv("QMAC_LAST_RESULTS", "20")
    threads = [threading.Thread(target=add, args=(f"S{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.name[23:] for path in list_last_results()} == {f"S{number}" for number in range(8)}


def test_a_command_that_writes_for_long_is_not_waited_for(place, monkeypatch):
    add()
    monkeypatch.setattr(last_results, "WAIT_SECONDS", 0.0)
    with hold_lock(place / ".lock", place), pytest.raises(WriteError, match="another command"):
        add()


@pytest.mark.skipif(not hasattr(last_results.os, "getuid"), reason="permissions of Unix")
def test_a_directory_of_others_is_not_used(place):
    add()
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(0o777)
    with pytest.raises(WriteError, match="others may write"):
        add()
    with pytest.raises(ResultError, match="others may write into .*QMAC_RESULTS_DIR"):
        list_last_results()


def test_no_last_result_names_the_next_step(place, monkeypatch):
    with pytest.raises(ResultError, match="Run 'qmac optimize' first"), hold_last_result(accept):
        pass
    place.write_text("a file")
    with pytest.raises(ResultError, match="not a directory"), hold_last_result(accept):
        pass
    place.unlink()
    add()
    monkeypatch.setenv("QMAC_LAST_RESULTS", "0")  # those of before are not read either
    with (
        pytest.raises(ResultError, match="QMAC_LAST_RESULTS=0 stores none"),
        hold_last_result(accept),
    ):
        pass


@pytest.mark.parametrize("text", ["-1", "ten", "1001", "9" * 40, "²"])
def test_a_number_of_results_that_is_none(text, monkeypatch):
    monkeypatch.setenv("QMAC_LAST_RESULTS", text)
    with pytest.raises(OptionError, match=r"QMAC_LAST_RESULTS must be a whole number in \[0, 1000"):
        last_results.read_count()
    monkeypatch.setenv("QMAC_LAST_RESULTS", "")
    assert last_results.read_count() == 10
