"""The results of a job: one of each symbol, and the table of winners."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from qmac import _views
from qmac.errors import ResultError
from qmac.results.result import Result
from qmac.strategy.grid import ROLES


class Results(Mapping[str, Result]):
    """The results of a job by symbol; from a directory, each is read when it is asked for."""

    def __init__(
        self, read: Mapping[str, Callable[[], Result]], left_out: Mapping[str, str]
    ) -> None:
        self._read = dict(read)
        self.left_out = dict(left_out)
        """Symbols that could not be used, and why."""

    def __getitem__(self, name: str) -> Result:
        return self._read[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)

    def _repr_html_(self) -> str:
        html: str = _views.draw("results", self)
        return html

    def __repr__(self) -> str:
        few = ", ".join(list(self._read)[:5]) + (", ..." if len(self) > 5 else "")
        return f"Results({len(self)} symbols: {few}; {len(self.left_out)} left out)"

    def readable(self) -> Results:
        """Those that can be read; the others are among ``left_out``, with the reason.

        Raises
        ------
        ResultError : not one can.
        """
        read, damaged = {}, {}
        for name, reader in self._read.items():
            try:
                reader()
                read[name] = reader
            except ResultError as error:
                damaged[name] = error
        if damaged and not read:
            raise next(iter(damaged.values()))
        return Results(read, self.left_out | {name: str(error) for name, error in damaged.items()})

    @property
    def winners(self) -> pd.DataFrame:
        """The best combination of each symbol with all its metrics, and what buy & hold returned; index ``symbol``."""
        rows = []
        for name, result in self.items():
            best = {} if result.top.empty else result.top.iloc[0].to_dict()
            rows.append({"symbol": name, **best, "buy_and_hold": result.hold["total_return"]})
        frame = pd.DataFrame(rows).set_index("symbol")
        return frame.astype(
            {column: "Int64" for column in (*ROLES, "total_trades") if column in frame}
        )

    def report(self, path: str | Path, *, each: bool = False) -> Path:
        """Write a page of the winners, in one HTML file; ``results["SPY"].report(path)`` is that of one symbol in full.

        With ``each`` those of all symbols are written too, ``all-SPY.html`` beside ``all.html``, which links to them.

        Raises
        ------
        ResultError : there is no result, or the file cannot be written.
        OptionError : Plotly and Jinja are not installed (``pip install "qmac[report]"``).
        """
        written: Path = _views.draw("symbols report", self, Path(path), each=each)
        return written

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON: the winner of each symbol, and what was left out."""
        winners = self.winners.reset_index().astype(object)
        digests = {name: result.digest for name, result in self.items()}
        return {
            "winners": winners.where(winners.notna(), None).to_dict("records"),
            "digests": digests,
            "left_out": self.left_out,
        }
