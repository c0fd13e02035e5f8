"""Where cells are computed, and within what limits."""
