"""Defaults of a request, of the command line and of Python: ``--help`` needs them without NumPy."""

DEFAULT_WINDOWS = "2:252"
"""Window lengths of each average: all up to a year of daily bars."""
DEFAULT_MIN_TRADES = 5
"""Trades that a combination needs to be ranked: what has fewer rests on a few bars of its prices,
and the best of a billion such combinations is one of them. 0 ranks all."""
