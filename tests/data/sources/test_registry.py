"""Which source a name means, and what is said where there is none."""

import sys
from importlib.metadata import EntryPoint

import pytest

from qmac.data.sources import registry
from qmac.data.sources.registry import find_source
from qmac.errors import SourceError

pytestmark = pytest.mark.slow


class Fixed:
    """A source of another package."""

    library = "fixed 1.0"
    appends = False
    pause_seconds = 0.0

    def fetch(self, request, call):
        return iter(())


class Lacking:
    library = "lacking 1.0"


def broken():
    raise RuntimeError("no licence")


@pytest.fixture
def installed(monkeypatch):
    """Adds entry points, as installed packages do."""
    entries = []
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)

    def add(name, value):
        entries.append(EntryPoint(name, f"{__name__}:{value}", registry.GROUP))

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())
    return add


def _this_module():
    import types

    module = types.ModuleType(__name__)
    module.Fixed, module.Lacking, module.broken = Fixed, Lacking, broken
    return module


def test_other_packages_add_sources(installed):
    installed("Fixed", "Fixed")
    assert find_source("fixed").library == "fixed 1.0"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("broken", "the source fixed cannot be loaded: RuntimeError: no licence. Its package is"),
        ("Missing", "the source fixed cannot be loaded: AttributeError"),
        ("Lacking", "the source fixed has no appends"),
    ],
)
def test_a_faulty_one_is_named(installed, value, says):
    installed("fixed", value)
    with pytest.raises(SourceError, match=says):
        find_source("fixed")


def test_none_replaces_yahoo(installed):
    pytest.importorskip("yfinance")
    installed("yahoo", "Fixed")
    assert find_source("yahoo").library.startswith("yfinance ")


def test_a_missing_extra_is_one_line_that_says_what_to_install(monkeypatch):
    for module in ("yfinance", "ccxt"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SourceError) as raised:
        find_source("yahoo")
    assert str(raised.value) == "yahoo needs yfinance. Install it: pip install 'qmac[yahoo]'"
    with pytest.raises(SourceError) as raised:
        find_source("binance")
    assert str(raised.value) == (
        "binance is none of the sources yahoo. If it is an exchange, install ccxt: "
        "pip install 'qmac[crypto]'"
    )


def test_exchanges_are_those_of_ccxt():
    pytest.importorskip("ccxt")
    assert find_source("kraken").library.startswith("ccxt ") and find_source("kraken").appends
    with pytest.raises(SourceError, match="binanc is no source of prices. Did you mean 'binance'"):
        find_source("binanc")
    with pytest.raises(SourceError, match="Known: yahoo, and the exchanges of ccxt"):
        find_source("zzzzzz")
