"""Benchmarks: run with ``python -m benchmarks.NAME``, all of them by ``make bench``."""
