"""Short scripts that trade one combination in other tools."""
