"""The explorer: a page in the browser whose every figure is computed while a slider moves."""
