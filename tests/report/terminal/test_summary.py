"""A result on one screen."""

import dataclasses
import io

import pytest

import qmac
from qmac.report.terminal.console import PlainTextConsole
from qmac.report.terminal.summary import show_cautions, show_summary

GRID = qmac.Grid(windows=range(10, 101, 10))


@pytest.fixture(scope="module")
def result(sample):
    return qmac.optimize(sample.tail(1500), GRID, top=60)


def shown(result, width=80, **options):
    console = PlainTextConsole(io.StringIO())
    console.width = width
    show_summary(result, console, **options)
    return console.file.getvalue()


def test_a_screen_has_rows_the_winner_and_doubts(result):
    text = shown(result)
    assert len(text.splitlines()) <= 20
    assert "total_trades >= 5" in text and "Each round trip costs 0.5 %." in text
    assert f"winner {' '.join(map(str, result.best))}: " in text and "; buy & hold " in text
    assert "alike: of the best 60, within 2 steps of it (--all-rows)" in text
    assert "doubts: few trades" in text


def test_all_rows_are_those_of_the_table(result):
    text = shown(result, all_rows=True, rows=60)
    assert "alike" not in text and len(text.splitlines()) > 60
    assert "20 of 60 rows; --rows shows more" in shown(result, all_rows=True)


def test_a_result_without_prices_has_no_doubts(result):
    assert "doubts" not in shown(dataclasses.replace(result, source=None))


def test_cautions_are_printed_in_full(result):
    console = PlainTextConsole(io.StringIO())
    show_cautions(result, console)
    text = console.file.getvalue()
    assert text.startswith("Few trades: The winner made ")
    assert "With fewer than 30 a few lucky ones make the result." in " ".join(text.split())


def test_nothing_is_left(sample):
    empty = qmac.optimize(sample.tail(300), GRID, min_trades=100)
    text = shown(empty)
    assert "No combination is left" in text and "The most active combination has" in text
