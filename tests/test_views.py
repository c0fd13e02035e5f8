"""Views are imported when they are first drawn, and every registered one exists."""

import sys
from importlib import import_module

import pytest

from qmac import _views


def test_every_view_exists():
    assert {"result page", "map", "result", "results", "backtest"} <= set(_views._PLACES)
    for place in _views._PLACES.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function)), place


def test_a_view_is_imported_when_it_is_drawn(tmp_path, monkeypatch):
    (tmp_path / "drawing_of_a_test.py").write_text("def draw(*a, **b): return a, b")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_views, "_PLACES", {})
    _views.register({"test": "drawing_of_a_test:draw"})
    assert "drawing_of_a_test" not in sys.modules
    assert _views.draw("test", 1, color="red") == ((1,), {"color": "red"})
    with pytest.raises(KeyError):
        _views.draw("nothing")
