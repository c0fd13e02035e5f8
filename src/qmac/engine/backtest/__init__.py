"""Single combinations, bar by bar: metrics, equity curve, trades."""
