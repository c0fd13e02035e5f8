"""Is the best combination luck? Random markets, and what their counts say."""
