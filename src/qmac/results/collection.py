"""The results of a job: one of each symbol, and the table of winners."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from qmac import _views
from qmac._checks import check_flag, check_path, describe
from qmac.errors import OptionError, ResultError, SymbolError, suggestion
from qmac.results.outline import Outline
from qmac.results.result import Result
from qmac.runtime.execution.executor import Executor
from qmac.runtime.monitoring.status import Listener
from qmac.runtime.resources.limits import Limits
from qmac.strategy.grid import ROLES

RECENT = 2
"""Results held in memory: one that is looked at, and one to compare it with. A result of 600
windows takes 50 MB, so a job of 500 symbols is never held whole."""
SHOWN_SYMBOLS = 5
"""Symbols that a line names."""


class Results(Mapping[str, Result]):
    """The results of a job by symbol; from a directory, each is read when it is looked up.

    Parameters
    ----------
    readers : mapping of str to callable
        Functions without arguments that return the ``Result`` of a symbol.
    left_out : mapping of str to str
        Symbols without a result, and why.
    missing : sequence of str
        Symbols of an unfinished run that are not done yet.
    find_outline : callable, optional
        Returns what lists show of a symbol, where no result need be read for it, or None.
    """

    def __init__(
        self,
        readers: Mapping[str, Callable[[], Result]],
        left_out: Mapping[str, str],
        missing: Sequence[str] = (),
        find_outline: Callable[[str], Outline | None] | None = None,
    ) -> None:
        self._readers = dict(_check_mapping("readers", readers, callable))
        is_function = callable(find_outline) and not isinstance(find_outline, type)
        if find_outline is not None and not is_function:
            raise OptionError(
                f"find_outline must be a function of a symbol, got {describe(find_outline)}. Leave "
                "it out."
            )
        self._find_outline = find_outline
        self._outlines: dict[str, Outline] = {}
        self._recent: tuple[tuple[str, Result], ...] = ()
        self._left_out = dict(_check_mapping("left_out", left_out, _is_text))
        is_list = isinstance(missing, Sequence) and not isinstance(missing, str)
        if not is_list or not all(map(_is_text, missing)):
            raise OptionError(f"missing must be a list of symbols, got {describe(missing)}.")
        self.missing = tuple(missing)
        """Symbols of an unfinished run that are not done yet."""

    @property
    def left_out(self) -> dict[str, str]:
        """Symbols that could not be used, and why."""
        return dict(self._left_out)

    @property
    def is_single(self) -> bool:
        """Whether the job has one symbol in all, so that its result is shown in full."""
        return len(self) == 1 and not self._left_out and not self.missing

    def __getitem__(self, name: str) -> Result:
        if not isinstance(name, str) or name not in self._readers:
            shown = describe(name)
            hint = suggestion(name if isinstance(name, str) else shown, self._readers)
            raise SymbolError(f"there is no result named {shown}. {hint}")
        recent = self._recent  # replaced and never changed: threads may look symbols up at once
        result = dict(recent).get(name)
        recent = tuple(item for item in recent if item[0] != name)
        if result is None:
            # room first, so that a loop over all symbols has no more than two in memory
            self._recent = recent = recent[max(len(recent) - RECENT + 1, 0) :]
            result = self._readers[name]()
        self._recent = (*recent, (name, result))
        return result

    def outline(self, name: str) -> Outline:
        """Return what lists of many symbols show of a result, which is read only if it must be.

        Parameters
        ----------
        name : str
            A symbol.

        Returns
        -------
        Outline
            Its best row, and more.

        Raises
        ------
        ResultError
            If it had to be read and is damaged.
        """
        is_known = isinstance(name, str) and name in self._readers
        outline = self._outlines.get(name) if is_known else None
        if outline is None and is_known and self._find_outline is not None:
            outline = self._find_outline(name)
        if outline is None:
            outline = Outline.from_result(self[name])
        self._outlines[name] = outline
        return outline

    def __contains__(self, name: object) -> bool:  # reads nothing
        return isinstance(name, str) and name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def _repr_html_(self) -> str:
        html: str = _views.draw("results", self)
        return html

    def describe_missing(self) -> str:
        """Return which symbols are not done yet, in a few words.

        Returns
        -------
        str
            Empty where none is missing.
        """
        names, more = self.missing[:SHOWN_SYMBOLS], len(self.missing) - SHOWN_SYMBOLS
        text = f"not done yet: {', '.join(names)}" if names else ""
        return f"{text} and {more:,} more" if more > 0 else text

    def __repr__(self) -> str:
        names = list(self)[:SHOWN_SYMBOLS]
        if len(self) > SHOWN_SYMBOLS:
            names.append("...")
        rest = f"{len(self._left_out)} left out"
        if self.missing:
            rest += f", {len(self.missing)} not done yet"
        return f"Results({len(self)} symbols: {', '.join(names)}; {rest})"

    def readable(self) -> Results:
        """Return the results that can be read; the others are among ``left_out``.

        Returns
        -------
        Results
            With the reason beside each symbol that is left out.

        Raises
        ------
        ResultError
            If none can be read.
        """
        readers: dict[str, Callable[[], Result]] = {}
        errors: dict[str, ResultError] = {}
        for name, reader in self._readers.items():
            try:
                self.outline(name)
                readers[name] = reader
            except ResultError as error:
                errors[name] = error
        if errors and not readers:
            raise next(iter(errors.values()))
        damaged = {name: str(error) for name, error in errors.items()}
        left_out = self._left_out | damaged
        return Results(readers, left_out, self.missing, self._outlines.get)

    @property
    def winners(self) -> pd.DataFrame:
        """The best combination of each symbol with its metrics, and the return of buy & hold."""
        rows = []
        for name in self:
            outline = self.outline(name)
            row: dict[Any, Any] = {"symbol": name, **(outline.best or {})}
            row["buy_and_hold"] = outline.hold["total_return"]
            rows.append(row)
        frame = pd.DataFrame(rows).set_index("symbol")
        # a symbol without a winner has none of them
        whole = [column for column in (*ROLES, "total_trades") if column in frame]
        return frame.astype(dict.fromkeys(whole, "Int64"))

    @property
    def prices(self) -> dict[str, dict[str, Any]]:
        """What each result says of its prices, as ``Result.prices``."""
        return {name: dict(self.outline(name).prices) for name in self}

    def report(
        self, path: str | Path, *, each: bool = False, luck: Mapping[str, Any] | None = None
    ) -> Path:
        """Write a page of the winners, in one HTML file.

        ``results["SPY"].report(path)`` writes the page of one symbol in full.

        Parameters
        ----------
        path : str or Path
            The file to write, such as ``all.html``.
        each : bool, default False
            Write the pages of all symbols, too: ``all-SPY.html`` beside ``all.html``, which links
            to them.
        luck : mapping of str to Luck, optional
            Answers of ``Result.luck`` by symbol: their p is on the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ResultError
            If there is no result, or the file cannot be written.
        OptionError
            If Plotly and Jinja are not installed.
        """
        each = check_flag("each", each)
        written: Path = _views.draw(
            "symbols pages", self, check_path("path", path), each=each, luck=luck
        )
        return written

    def luck(  # noqa: PLR0913 - the arguments of qmac.luck
        self,
        resamples: int = 199,
        *,
        nulls: Sequence[str] = ("shuffle", "mirror"),
        stop_after: int | None = 20,
        seed: int = 1,
        tried: int = 1,
        threads: int | None = None,
        progress: Listener | None = None,
        out: str | Path | None = None,
        limits: Limits | None = None,
        executor: Executor | None = None,
    ) -> Any:
        """Return how often luck alone does as well as the best combination of each symbol.

        Parameters
        ----------
        resamples : int, default 199
            Random markets of each null hypothesis, at most.
        nulls : sequence of str, default ("shuffle", "mirror")
            How random markets are drawn.
        stop_after : int, optional
            Random markets at least as good after which no more are swept; 20 by default.
        seed : int, default 1
            Of the random words.
        tried : int, default 1
            Searches of which each is the best.
        threads : int, optional
            Number of threads; all CPUs that the process may use by default.
        progress : callable, optional
            Called about ten times a second with a ``Status``.
        limits : Limits, optional
            Limits of memory, CPUs, disk and time; ``Limits()`` by default.
        executor : Executor, optional
            Where random markets are swept; threads of this process by default.
        out : str or Path, optional
            Directory of the run that has the results, or another one.

        Returns
        -------
        Lucks
            A mapping of symbol to ``Luck``, with a ``table`` of all of them, in which p is also
            adjusted for their number. Symbols whose random markets cannot be swept are left out.

        Raises
        ------
        InputError
            If no symbol has an answer, or an argument is invalid.
        Stopped
            If a limit ended the run.
        """
        return _views.draw(
            "luck of each",
            self,
            resamples,
            nulls=nulls,
            stop_after=stop_after,
            seed=seed,
            tried=tried,
            threads=threads,
            progress=progress,
            out=out,
            limits=limits,
            executor=executor,
        )

    def summary(self) -> dict[str, Any]:
        """Return the winner of each symbol, what was left out, and what is not done yet.

        Returns
        -------
        dict
            Plain values, for JSON.
        """
        winners = self.winners.reset_index().astype(object)
        digests = {name: self.outline(name).digest for name in self}
        return {
            "winners": winners.where(winners.notna(), None).to_dict("records"),
            "digests": digests,
            "prices": self.prices,
            "left_out": self.left_out,
            "missing": list(self.missing),
        }


def _check_mapping(name: str, values: Any, is_value: Callable[[Any], bool]) -> Mapping[str, Any]:
    """Return a mapping by symbol, if all of its values are of a kind."""
    is_mapping = isinstance(values, Mapping) and all(map(_is_text, values))
    if not is_mapping or not all(map(is_value, values.values())):
        raise OptionError(f"{name} must be a mapping by symbol, got {describe(values)}.")
    checked: Mapping[str, Any] = values
    return checked


def _is_text(value: object) -> bool:
    return isinstance(value, str)
