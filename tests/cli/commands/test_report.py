"""``qmac report`` and ``--rank-by`` as their users meet them."""

import json
from dataclasses import replace

import pytest
from helpers.series import frame, series
from helpers.terminal import inside
from helpers.terminal import qmac as command

import qmac
from qmac.cli.commands.report import report
from qmac.cli.options.job import check_rank
from qmac.errors import OptionError, ResultError
from qmac.storage.directories import safe_name

GRID = qmac.Grid(windows=(3, 5, 8, 13, 21))


@pytest.fixture(scope="module")
def run(tmp_path_factory, named):
    path = tmp_path_factory.mktemp("runs") / "one"
    qmac.optimize(named, GRID, top=8, out=path)
    return path


@pytest.mark.slow
def test_a_page(run, tmp_path):
    done = command("report", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(run / "report.html")) and done.stderr == ""
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert inside("show", run).returncode == 0  # a page beside it is in nobody's way
    answer = inside("report", run, "--json", "--out", tmp_path / "x.html")
    assert json.loads(answer.stdout)["asked"]["digest"] == qmac.load(run).digest
    assert (tmp_path / "x.html").is_file() and "x.html" in answer.stderr


def test_many_symbols(tmp_path, named, capsys):
    path = tmp_path / "many"
    qmac.optimize_many({"SPY": named, "late": named.tail(300)}, GRID, top=5, out=path)
    report(path)
    assert "late" in (path / "report.html").read_text() and str(path) in capsys.readouterr().out
    report(path, symbol="late")
    assert f"report-{safe_name('late')}.html" in capsys.readouterr().out
    assert "<h1>late" in (path / f"report-{safe_name('late')}.html").read_text()
    report(path, symbol="late", as_json=True)
    one = json.loads(capsys.readouterr().out)
    assert one["asked"]["name"] == "late" and one["asked"]["bars"] == 300
    report(path, as_json=True)
    assert [row["symbol"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["SPY", "late"]
    with pytest.raises(OptionError, match="Leave out --symbol"):
        report(path, symbol="late", each=True)
    with pytest.raises(OptionError, match="Did you mean 'SPY'"):
        report(path, symbol="SPYX")
    with pytest.raises(OptionError, match="Add --symbol"):
        report(path, prices=tmp_path / "x.csv")


def test_measured_tries_are_on_the_page(tmp_path):
    path = tmp_path / "run"
    grid, prices = qmac.Grid(windows=range(10, 60, 10)), qmac.sample_prices().tail(400)
    result = qmac.optimize(prices, grid, objective="sharpe_ratio", top=3, out=path)
    result.luck(19, out=path)
    report(path)
    assert f"qmac luck {path} --tries" in (path / "report.html").read_text()
    result.tries(5, out=path)
    report(path)
    assert "tries as measured" in (path / "report.html").read_text()


def test_luck_is_on_the_page_where_it_is_known(run, capsys):
    report(run)
    assert f"qmac luck {run}" in (run / "report.html").read_text()
    answer = qmac.load(run).luck(19, out=run)
    report(run)
    text = (run / "report.html").read_text()
    assert answer.digest in text
    capsys.readouterr()
    report(run, as_json=True)
    assert json.loads(capsys.readouterr().out)["luck"]["p"] == answer.p
    stored = next(run.glob("luck/*/luck.json"))
    stored.write_text(stored.read_text().replace("0", "1"))
    with pytest.warns(UserWarning, match=r"luck\.json is damaged"):
        report(run)
    assert f"qmac luck {run}" in (run / "report.html").read_text()
    stored.unlink()


@pytest.mark.slow
def test_each_page_is_linked_from_that_of_the_winners(tmp_path, named, capsys):
    path, late = tmp_path / "many", safe_name("<late>")
    results = qmac.optimize_many({"SPY": named, "<late>": named.tail(300)}, GRID, top=5, out=path)
    report(path)
    assert (
        "<a href"
        not in (path / "report.html").read_text().partition("<tbody>")[2].partition("</tbody>")[0]
    )
    report(path, out=tmp_path / "all.html", each=True)
    assert [
        line.split(",")[0].rpartition("/")[2].strip("'")
        for line in capsys.readouterr().out.splitlines()[1:]
    ] == [
        "all-SPY.html",
        f"all-{late}.html",
        "all.html",
    ]
    text = (tmp_path / "all.html").read_text()
    assert '<a href="all-SPY.html">SPY</a>' in text
    assert f'<a href="all-{late}.html">&lt;late&gt;</a>' in text
    results.report(tmp_path / "other.html", each=True)
    assert '<a href="other-SPY.html">SPY</a>' in (tmp_path / "other.html").read_text()


@pytest.mark.slow
def test_prices_that_were_not_kept(tmp_path):
    prices = frame(series("random", 300, 4))
    prices.to_csv(tmp_path / "spy.csv")
    old = replace(qmac.optimize(prices, GRID), source=None).save(tmp_path / "old")
    done = inside("report", old)
    assert (
        done.returncode == 2
        and "--prices FILE" in done.stderr
        and not (old / "report.html").exists()
    )
    report(old, prices=tmp_path / "spy.csv")
    assert (old / "report.html").is_file()
    prices.tail(200).to_csv(tmp_path / "other.csv")
    with pytest.raises(ResultError, match="not the prices of this result"):
        report(old, prices=tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("place", "says"), [("nothere", "does not exist"), ("file", "is a file, not a directory")]
)
def test_a_directory_that_is_none(tmp_path, place, says):
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match=f"{place} {says}"):
        report(tmp_path / place)


@pytest.mark.slow
def test_rank_by(run):
    shown = inside("show", run, "--rank-by", "plateau")
    assert shown.returncode == 0, shown.stderr
    assert "plateau" in shown.stdout
    ranked = json.loads(inside("show", run, "--rank-by", "plateau", "--json").stdout)["top"]
    plateaus = [row["plateau"] for row in ranked]
    assert plateaus == sorted(plateaus, reverse=True) and len(ranked) == 8
    with pytest.raises(OptionError, match="Did you mean 'plateau'"):
        check_rank("plato")


def test_each_of_one_is_its_page(run, tmp_path, capsys):
    report(run, out=tmp_path / "one.html", each=True)
    assert [path.name for path in tmp_path.iterdir()] == [
        "one.html"
    ] and "one.html" in capsys.readouterr().out


def test_figures_as_png(run, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    place = tmp_path / "figures"
    report(run, png=place)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        str(place / name) for name in ("equity.png", "price.png", "outcomes.png", "maps.png")
    ]
    report(run, png=place, as_json=True)
    captured = capsys.readouterr()
    assert json.loads(captured.out)["asked"]["bars"] == 500 and "maps.png" in captured.err


def test_figures_are_of_one_result(tmp_path, named):
    path = tmp_path / "many"
    qmac.optimize_many({"SPY": named, "late": named.tail(300)}, GRID, top=5, out=path)
    with pytest.raises(OptionError, match="2 symbols. Add --symbol"):
        report(path, png=tmp_path / "figures", each=True)
    assert not (tmp_path / "figures").exists() and not list(path.glob("*.html"))
