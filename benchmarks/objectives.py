"""Speed of the full grid by objective, with constraints and with stops.

    python -m benchmarks.objectives [--bars 2000] [--rounds 5] [--only 'total_return, ignore']

All are interleaved with total_return; every figure is a median with its smallest and largest round.
"""

from __future__ import annotations

import argparse
import statistics

import qmac
from benchmarks.throughput import GRID, machine
from qmac.objective import MEASURES

BOUNDS = {"total_trades": (10, None), "max_drawdown": (-0.25, None)}
STOPS = {"stop_loss": 0.1, "take_profit": 0.5, "trailing_stop": 0.15, "max_bars": 250}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", default="", help="contenders whose name has this in it, such as 'total_return, ignore'"
    )
    options = parser.parse_args()
    print(machine(), f"{options.bars} bars, 2 threads")
    prices = qmac.sample_prices().tail(options.bars)
    contenders = {metric: {"objective": metric} for metric in MEASURES}
    contenders["total_return, trades and drawdown bounded"] = {"constraints": BOUNDS}
    contenders["sharpe_ratio, trades and drawdown bounded"] = {"objective": "sharpe_ratio", "constraints": BOUNDS}
    for conflict in ("ignore", "opposite"):
        contenders[f"total_return, {conflict}"] = {"rules": qmac.Rules(conflict=conflict)}
        for name, value in STOPS.items():
            rules = qmac.Rules(conflict=conflict, **{name: value})
            contenders[f"total_return, {conflict}, {name}"] = {"rules": rules}
    contenders = {name: keywords for name, keywords in contenders.items() if options.only in name}
    for keywords in contenders.values():
        qmac.optimize(prices, GRID, threads=2, **keywords)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, keywords in contenders.items():
            rates[name].append(GRID.size / qmac.optimize(prices, GRID, threads=2, **keywords).elapsed / 1e6)
    for name, found in rates.items():
        if name.startswith(("total_return, ignore,", "total_return, opposite,")):
            plain = rates[name.rpartition(", ")[0]]
            ratios = [a / b for a, b in zip(found, plain, strict=True)]
            print(f"  {name:45s} {statistics.median(ratios):7.2f} of the speed without a stop")
        print(f"  {name:45s} {statistics.median(found):7.0f} million/s   ({min(found):.0f} ... {max(found):.0f})")


if __name__ == "__main__":
    main()
