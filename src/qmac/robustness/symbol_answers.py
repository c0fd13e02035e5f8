"""Answers of many symbols, one after the other, and the mapping in which they are returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from qmac._checks import describe
from qmac.errors import SymbolError, WriteError, suggestion, warn
from qmac.jobs.series_leases import LEAVES_OUT
from qmac.runs.header import HEADER
from qmac.runs.tasks import Task
from qmac.runtime.execution.executor import Executor
from qmac.runtime.monitoring.status import JobProgress, Listener
from qmac.runtime.resources.limits import Limits
from qmac.storage.files import look_up, resolve_typed
from qmac.storage.refusals import describe_refusal

SHOWN_SYMBOLS = 5
"""Symbols that a line names."""
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SymbolAnswers(Mapping[str, T]):
    """Answers of many symbols by their names. Nothing of it can be changed.

    Parameters
    ----------
    answers : mapping
        By symbol; one or more.
    left_out : mapping of str to str
        Symbols without an answer, and why.
    """

    def __init__(self, answers: Mapping[str, T], left_out: Mapping[str, str] | None = None) -> None:
        self._answers = dict(answers)
        self._left_out = dict(left_out or {})

    @property
    def left_out(self) -> dict[str, str]:
        """Symbols without an answer, and why."""
        return dict(self._left_out)

    def __getitem__(self, name: str) -> T:
        if name not in self._answers:
            shown = describe(name)
            hint = suggestion(name if isinstance(name, str) else shown, self._answers)
            raise SymbolError(f"there is no answer named {shown}. {hint}")
        return self._answers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def _shown_names(self) -> str:
        """How many symbols there are, and the names of the first."""
        names = list(self)[:SHOWN_SYMBOLS]
        if len(self) > SHOWN_SYMBOLS:
            names.append("...")
        return f"{len(self)} symbols: {', '.join(names)}"


class Question(Protocol[T_co]):
    """What is asked about one symbol, checked."""

    def run(
        self, out: Path | None, limits: Limits, executor: Executor, progress: Listener | None
    ) -> T_co: ...


class Means(NamedTuple):
    """What the answers of all symbols are computed with."""

    out: Path | None
    """Directory of the run that has the symbols, or another one; None for memory."""
    limits: Limits
    executor: Executor
    progress: Listener | None


def answer_each(
    names: Iterable[str], prepare: Callable[[str], Question[T]], means: Means
) -> tuple[dict[str, T], dict[str, str]]:
    """Answer a question about each of many symbols, one after the other.

    Parameters
    ----------
    names : iterable of str
        The symbols.
    prepare : callable
        Returns the question about a symbol, or raises where it cannot be asked.
    means : Means
        What answers are computed with.

    Returns
    -------
    answers : dict
        By symbol.
    left_out : dict of str to str
        Symbols without an answer, and why; each is warned of.

    Raises
    ------
    InputError
        If no symbol has an answer.
    Stopped
        If a limit ended the run.
    """
    names = list(names)
    listener = None
    if means.progress is not None:
        listener = JobProgress(means.progress, dict.fromkeys(names, 1.0))
    answers: dict[str, T] = {}
    errors: dict[str, Exception] = {}
    for name in names:
        try:
            question = prepare(name)
        except LEAVES_OUT as error:
            if isinstance(error, WriteError):
                raise
            errors[name] = error
            continue
        if listener is not None:
            listener.begin(name)
        place = find_place(means.out, name)
        answers[name] = question.run(place, means.limits, means.executor, listener)
    if errors and not answers:
        raise next(iter(errors.values()))
    reasons = {name: str(error) for name, error in errors.items()}
    for reason in reasons.values():
        warn(f"left out: {reason}", stacklevel=3)
    return answers, reasons


def find_place(out: Path | None, name: str) -> Path | None:
    """Return where the answer of a symbol is written.

    Parameters
    ----------
    out : Path or None
        What a user named.
    name : str
        The symbol.

    Returns
    -------
    Path or None
        A run, which has a directory for each; of another directory, one in it.

    Raises
    ------
    ResultError
        If the path cannot be read.
    """
    if out is None:
        return None
    return out if is_run(out) else out / Task(name).key


def is_run(out: Path) -> bool:
    """Return whether a directory holds a run.

    Parameters
    ----------
    out : Path
        What a user named.

    Returns
    -------
    bool
        False where there is nothing yet.

    Raises
    ------
    ResultError
        If the path cannot be read.
    """
    try:
        return look_up(resolve_typed(out) / HEADER) is not None
    except OSError as error:
        raise describe_refusal(out, error) from None
