"""Headings of options in the help of a command, in the order in which a trader decides."""

PRICES = "Prices"
GRID = "Grid"
RULES = "Trading rules"
RANKING = "Ranking"
FOLDS = "Folds"
MARKETS = "Random markets"
OUTPUT = "Output"
READING = "Price files"
MACHINE = "Machine"
CLUSTER = "Cluster"
GROUPS = (PRICES, GRID, RULES, RANKING, FOLDS, MARKETS, OUTPUT, READING, MACHINE, CLUSTER)
