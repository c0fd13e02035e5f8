"""Results and lists on a terminal."""
