"""From entries and exits to trades: stops, exit tables, the walk over entries, scores, the replay of one combination."""
