"""From entries and exits to trades: stops, exit tables, the walk, scores, the replay."""
