"""The sweep over the whole grid: what is asked, workers, reductions."""
