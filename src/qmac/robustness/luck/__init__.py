"""Is the best combination luck? What counts of random markets say."""
