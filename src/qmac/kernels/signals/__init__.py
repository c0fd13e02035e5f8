"""Moving averages, where they cross, and the distinct lists of crosses."""
