"""Figures of a report as PNG files."""

import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, ResultError, WriteError
from qmac.report.html import images
from qmac.report.html.images import NAMES, draw_images, draw_maps, draw_outcomes, write_images
from qmac.report.sections.distribution import summarize_distribution
from qmac.report.sections.heatmaps import build_heatmap

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def result():
    pytest.importorskip("matplotlib")
    prices = qmac.Prices.of(frame(series("random", 500, 12)), r"$\frac{a}$ <b> 株")
    return qmac.optimize(prices, qmac.Grid(windows=(3, 5, 8, 13, 21)), top=5, min_trades=1)


@pytest.mark.slow
def test_figures_open_and_have_their_sizes(result, tmp_path):
    from matplotlib.image import imread

    paths = result.figures(tmp_path / "figures")
    assert [path.name for path in paths] == list(NAMES)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(NAMES)
    for path in paths:
        content = path.read_bytes()
        assert content.startswith(SIGNATURE) and content.endswith(b"IEND\xaeB`\x82")
        width, height = struct.unpack(">II", content[16:24])
        assert width == 1500 and 700 <= height <= 1000
        colours = imread(path)[::5, ::5, :3].reshape(-1, 3)
        assert len(np.unique(colours, axis=0)) > 20  # something is drawn
    first = {path: path.read_bytes() for path in paths}
    result.figures(str(tmp_path / "figures"))
    assert {path: path.read_bytes() for path in paths} == first  # no date in it, nor a version


def test_nothing_is_written_where_a_directory_cannot_be(result, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "draw_images", lambda result: {"equity.png": b"picture"})
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="is a file. Name a directory"):
        write_images(result, tmp_path / "file")
    with pytest.raises(WriteError, match="there is no directory"):
        write_images(result, tmp_path / "none" / "figures")
    place = tmp_path / "figures"
    (place / "equity.png").mkdir(parents=True)
    with pytest.raises(WriteError, match="Name another directory"):
        write_images(result, place)
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in place.iterdir()] == ["equity.png"]


def test_without_matplotlib(swept, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r'pip install "qmac\[png\]"'):
        swept.figures(tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_matplotlib_is_imported_when_something_is_drawn():
    code = "import sys, qmac.report.html.images; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_without_a_winner(result):
    empty = qmac.optimize(result.series.prices, result.grid, top=5, min_trades=10_000, threads=1)
    with pytest.raises(ResultError, match="Loosen the constraints"):
        draw_images(empty)


def test_maps_share_a_scale_and_uneven_windows_have_their_places(result):
    maps = [
        build_heatmap(result, rows, columns, "mean")
        for rows, columns in [("buy_slow", "buy_fast"), ("sell_slow", "sell_fast")] * 3
    ]
    figure = draw_maps(maps, "x")
    *panels, bar = figure.axes
    assert len(panels) == 6 and bar.get_ylabel() == ""
    assert len({panel.collections[0].get_clim() for panel in panels}) == 1
    columns = panels[0].collections[0].get_coordinates()[0, :, 0]
    assert columns.tolist() == [2, 4, 6.5, 10.5, 17, 25]
    one = replace(maps[0], column_windows=np.array([5.0]), values=maps[0].values[:, :1])
    panel = draw_maps([one] * 6, "x").axes[0]
    assert panel.collections[0].get_coordinates()[0, :, 0].tolist() == [4.5, 5.5]


def test_marks_far_outside_are_arrows(result):
    summary = summarize_distribution(result)
    axes = draw_outcomes(replace(summary, winner=1e6, hold=-1e6), "x").axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["median", "\u2190 buy & hold", "winner \u2192"]
    axes = draw_outcomes(replace(summary, hold=np.nan), "x").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["median", "winner"]
