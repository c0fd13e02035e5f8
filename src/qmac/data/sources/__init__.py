"""Prices from the market by name: sources, and the copies of what they gave."""
