"""What commands that sweep share."""

from pathlib import Path

import pytest

from qmac.cli.commands.common import (
    announce_at_work,
    prepare_same,
    raise_interrupts,
    repeat_place,
    resumed_only_if_begun,
    select_symbol,
)
from qmac.cli.interrupts import Interrupted, Interruption
from qmac.errors import OptionError, ResultError, WriteError
from qmac.jobs.job import Job


@pytest.fixture(autouse=True)
def _command_of_its_own(monkeypatch):
    for name in ("interrupted", "stopping", "resume", "place"):
        monkeypatch.setattr(Interruption, name, getattr(Interruption, name))


def test_the_words_by_which_a_command_goes_on(tmp_path):
    run = tmp_path / "a run"
    words = repeat_place(run, run, tmp_path / "out", "B C")
    assert words == [str(run), "--symbol", "B C", "--out", str(tmp_path / "out")]
    assert repeat_place(run, None, Path("out"), None) == [str(run)]
    prepare_same("qmac luck", words, None)
    assert Interruption.resume == f"qmac luck '{run}' --symbol 'B C' --out {tmp_path / 'out'}"


def test_what_would_be_refused_again_is_not_resumed():
    for error, resumed in ((ResultError("x"), None), (WriteError("x"), "same")):
        Interruption.resume = "same"
        with pytest.raises(type(error)), resumed_only_if_begun():
            raise error
        assert Interruption.resume == resumed


def test_only_a_directory_that_is_there_is_resumed(tmp_path):
    for place, resumed in ((tmp_path, "same"), (tmp_path / "new", None)):
        Interruption.resume = "same"
        with pytest.raises(WriteError), resumed_only_if_begun(place):
            raise WriteError("x")
        assert Interruption.resume == resumed
    Interruption.resume = "same"
    with pytest.raises(OptionError), resumed_only_if_begun(tmp_path):
        raise OptionError("memory")
    assert Interruption.resume is None


def test_the_command_is_printed_once_there_is_work(capsys):
    seen = []
    prepare_same("qmac luck", ["run"], None)
    listen = announce_at_work(seen.append)
    assert capsys.readouterr().err == ""
    listen(1)
    assert capsys.readouterr().err.endswith("goes on with: qmac luck run\n")
    listen(2)
    assert capsys.readouterr().err == "" and seen == [1, 2]
    Interruption.resume = None
    announce_at_work(seen.append)(3)
    assert capsys.readouterr().err == "" and seen == [1, 2, 3]


def test_an_interrupt_ends_the_next_status():
    seen = []
    listen = raise_interrupts(seen.append)
    listen(1)
    Interruption.interrupted = True
    with pytest.raises(Interrupted):
        listen(2)
    assert seen == [1]


def test_a_symbol_that_is_not_there():
    job = Job({"SPY": None, "QQQ": None}, None, left_out={"late": "short"})
    assert select_symbol(job, None) is job
    assert list(select_symbol(job, "QQQ").prices) == ["QQQ"]
    with pytest.raises(OptionError, match="Did you mean 'SPY'"):
        select_symbol(job, "SPYY")
