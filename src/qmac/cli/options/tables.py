"""The options that several commands take, each declared once, in groups.

A row has the type, the help, the default and the word for the value; its key is the name. Options
without a group, which say what a command prints and writes, stand under Output in the help.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qmac.cli.options import groups
from qmac.cli.options.declaration import CommandOption, Declared, declare, declare_fields
from qmac.data.options import ReadOptions
from qmac.runtime.resources.limits import Limits
from qmac.strategy.defaults import DEFAULT_MIN_TRADES
from qmac.strategy.rules import Rules

RANKS = ("objective", "plateau")
EXECUTORS = ("threads", "ray")
WINDOW_ROLES = ("buy_fast", "buy_slow", "sell_fast", "sell_slow")
"""``strategy.grid.ROLES``, which needs NumPy."""


def _list_metrics() -> list[str]:
    """Return the names of all metrics, imported when a shell completes."""
    from qmac.strategy.metrics import MEASURES

    return list(MEASURES)


Sample = Annotated[
    bool,
    typer.Option(
        "--sample",
        help="Use the bundled S&P 500 prices, daily, 1999-2018.",
        rich_help_panel=groups.PRICES,
    ),
]
OneSymbol = Annotated[
    str | None,
    typer.Option(
        "--symbol",
        metavar="NAME",
        help="Only this symbol of a run of many.",
        rich_help_panel=groups.PRICES,
    ),
]
RankBy = Annotated[
    str,
    typer.Option(
        metavar="objective|plateau",
        help="Order of the table; plateau: the median of the objective over all window sets "
        "within two steps.",
        autocompletion=lambda: list(RANKS),
    ),
]
"""Option of the commands that show rows, for ``show_result`` and ``Result.summary``."""
Rows = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        help="Number of rows in the table; by default as many as fit a screen.",
        min=1,
    ),
]
AllRows = Annotated[
    bool,
    typer.Option("--all-rows", help="Show rows one by one that are within two steps of a better."),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Also show the distribution, all metrics and each caution in full."
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object and nothing else on standard output."),
]
PRICES = {
    "prices": CommandOption(
        Annotated[
            list[Path] | None,
            typer.Argument(
                metavar="PRICES",
                help="CSV or Parquet files with a Close column, or directories of them; names "
                "such as yahoo:SPY,QQQ; or a job file, job.toml.",
                rich_help_panel=groups.PRICES,
            ),
        ]
    ),
    "sample": CommandOption(Sample, False),
    **declare(groups.PRICES, strict=Declared(bool, "Stop at a symbol with invalid prices.", False)),
}
"""The symbols of a job."""
READING = {
    **declare_fields(groups.READING, ReadOptions),
    **declare(
        groups.READING,
        strict_prices=Declared(bool, "Stop at prices with a warning.", False),
        offline=Declared(
            bool, "Send no request for prices by name: use copies, of any age.", False
        ),
    ),
}
"""How prices are read."""
GRID = declare(
    groups.GRID,
    windows=Declared(
        str | None,
        "Window lengths in bars: 2:252 (the default), 2:252:5 or 5,10,20; ranges include both "
        "ends.",
        metavar="WINDOWS",
    ),
    **{
        role: Declared(
            str | None,
            f"Windows of the {role.replace('_', ' ')} average; overrides --windows.",
            metavar="WINDOWS",
        )
        for role in WINDOW_ROLES
    },
    shared_windows=Declared(bool, "Let a buy and a sell average have the same window.", False),
)
"""The windows of the four averages."""
RULES = declare_fields(groups.RULES, Rules)
RANKING = declare(
    groups.RANKING,
    objective=Declared(
        str,
        "Metric to rank by, such as sharpe_ratio.",
        "total_return",
        "METRIC",
        _list_metrics,
    ),
    minimize=Declared(bool, "Rank the lowest value first.", False),
    where=Declared(
        list[str] | None,
        "Constraint on a metric, such as 'total_trades >= 10'. Can be repeated.",
        metavar="CONSTRAINT",
    ),
    top=Declared(int, "Number of best combinations in the result.", 20),
    min_trades=Declared(
        int | None,
        f"Leave out combinations with fewer trades: {DEFAULT_MIN_TRADES} by default, unless "
        "--where bounds total_trades; 0 for none.",
    ),
)
"""Which combinations are best."""
FOLDS = declare(
    groups.FOLDS,
    train=Declared(
        str | None,
        "Bars on which the best is chosen, 1000, or a length such as 4y, 6mo, 8w.",
        metavar="LENGTH",
    ),
    test=Declared(
        str | None,
        "Bars after it on which it is judged; each test begins where the one before ends.",
        metavar="LENGTH",
    ),
    holdout=Declared(
        str | None,
        "In place of both, one test at the end: its share of the bars, 0.3, or its first date.",
        metavar="SHARE|DATE",
    ),
    anchored=Declared(bool, "Let every train begin with the first bar.", False),
    gap=Declared(int, "Bars between train and test.", 0),
)
"""How bars are divided into folds."""
MARKETS = declare(
    groups.MARKETS,
    resamples=Declared(
        int | None,
        "Random markets of each null, at most.",
        show_default="199, or 25 with --tries",
    ),
    nulls=Declared(
        str,
        "How they are drawn: moves in random order (shuffle), or in random direction (mirror). "
        "The larger p counts.",
        "shuffle,mirror",
        "NAMES",
    ),
    stop_after=Declared(
        str,
        "Markets at least as good after which no more of a null are swept, or never.",
        "20",
        "COUNT|never",
    ),
    seed=Declared(int, "Seed of the random numbers.", 1),
    tried=Declared(
        int,
        "Searches of which this is the best: other grids, objectives, rules, symbols. p is "
        "multiplied by it.",
        1,
    ),
    tries=Declared(
        bool,
        "Count how many independent tries the grid is worth instead, on random markets without "
        "drift: small print of a report.",
        False,
    ),
)
"""How random markets are drawn and counted."""
JOB = PRICES | GRID | RANKING | RULES | READING
"""All that the results of a run follow from."""
LIMITS = declare_fields(groups.MACHINE, Limits)
EXECUTOR = declare(
    groups.CLUSTER,
    executor=Declared(
        str, "Threads of this process, or a Ray cluster.", "threads", "threads|ray", EXECUTORS
    ),
    ray_address=Declared(
        str | None,
        "Address of a running Ray cluster: auto or HOST:PORT. By default Ray is started on this "
        "machine.",
        metavar="ADDRESS",
    ),
    ray_dashboard=Declared(bool, "Start Ray's dashboard with Ray.", False),
)
"""Where a run is computed."""
