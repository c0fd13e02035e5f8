"""The sweep over the whole grid: spec, pilot, workers, reductions."""
