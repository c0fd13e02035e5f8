"""One series on one machine: dataset, backtest, sweep, neighbourhood."""
