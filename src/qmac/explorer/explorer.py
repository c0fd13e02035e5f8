"""The explorer behind the page: one worker answers, and the newest question of a page wins."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from qmac.data.prices import Prices
from qmac.errors import InputError, QmacError, Stopped, printable, shell_quote, warn
from qmac.explorer.answer import Answer, build_frame
from qmac.explorer.messages import Ask, Cell, Order, View, find_number, read_message
from qmac.explorer.question import DEFAULT_TOP, Question
from qmac.jobs.cancellation import Cancellation
from qmac.jobs.compile_beside import find_beside
from qmac.jobs.session import Session
from qmac.runtime.monitoring.compiling import USUAL_SECONDS, find_compiling, listening
from qmac.runtime.monitoring.status import Status
from qmac.runtime.resources.limits import Limits
from qmac.strategy.grid import ROLES, Combination, Grid

COARSE_WINDOWS = 51
"""Windows of each average of a coarse grid, at most."""
MOST_PAGES = 16
"""Open pages at a time, each of which may hold two results."""
END_SECONDS = 5.0
"""For the worker to end, after which it is left."""
QUICK_SECONDS = 0.2
"""A sweep shorter than this shows no progress."""
LOOK_SECONDS = 0.5
"""Between two looks whether something is compiled still."""
Deliver = Callable[[str, dict[str, Any] | bytes], None]
"""Takes a kind of message and its content, from any thread; a newer one of a kind replaces it."""


def thin_grid(grid: Grid) -> Grid:
    """Return the coarse grid of a grid: every so many windows of each average.

    Parameters
    ----------
    grid : Grid
        The whole one.

    Returns
    -------
    Grid
        The same where it is small.

    Examples
    --------
    >>> thin_grid(Grid(windows=range(2, 253))).roles["buy_fast"][:3]
    (2, 7, 12)
    """
    steps = {role: math.ceil(len(windows) / COARSE_WINDOWS) for role, windows in grid.roles.items()}
    if max(steps.values()) == 1:
        return grid
    roles = {role: windows[:: steps[role]] for role, windows in grid.roles.items()}
    return Grid(**roles, shared_windows=grid.shared_windows)


@dataclass(eq=False)
class Page:
    """One open page: what it asks, and its last answers."""

    deliver: Deliver
    waiting: Ask | None = None
    coarse: Answer | None = None
    exact: Answer | None = None

    def recall(self, question: Question, *, is_exact: bool) -> Answer | None:
        """Return the last answer, if it is that of the same question.

        Parameters
        ----------
        question : Question
            What is asked.
        is_exact : bool
            On which grid.

        Returns
        -------
        Answer or None
            None where it has to be swept.
        """
        answer = self.exact if is_exact else self.coarse
        return answer if answer is not None and answer.question == question else None


@dataclass
class _Work:
    """What the worker does now."""

    page: Page
    ask: Ask
    cancellation: Cancellation = field(default_factory=Cancellation)


class Explorer:
    """Answers the questions of open pages about one series.

    Parameters
    ----------
    prices : Prices
        The series.
    grid : Grid
        The whole grid.
    threads : int, optional
        Number of threads; all CPUs that the process may use by default.
    limits : Limits, optional
        Limits of memory, CPUs and time of each question.
    first : Question, optional
        What a page asks that says nothing.
    words : sequence of str, optional
        Words of the command line that name the prices, and how they are read; None in a notebook,
        where a command is a call of Python.
    """

    def __init__(
        self,
        prices: Prices,
        grid: Grid,
        threads: int | None = None,
        limits: Limits | None = None,
        first: Question | None = None,
        words: Sequence[str] | None = (),
    ) -> None:
        self.prices = prices
        self.grid = grid
        self.first = Question() if first is None else first
        self._words = words
        coarse = thin_grid(grid)
        self._exact = Session(prices, grid, threads, limits=limits)
        self._coarse = self._exact
        if coarse is not grid:
            self._coarse = Session(prices, coarse, threads, limits=limits)
        self._pages: list[Page] = []
        self._work: _Work | None = None
        self._opening: Answer | None = None
        """Coarse answer of the first question, which is there before a page asks."""
        self._warming = Cancellation()
        self._compiled: dict[str, Any] = describe_compiled()
        """What pages know of it."""
        self._changed = threading.Condition()
        self._is_closed = False
        self._worker = threading.Thread(target=self._run, name="explorer", daemon=True)

    @property
    def is_thinned(self) -> bool:
        """Whether the coarse grid is not the whole one."""
        return self._coarse is not self._exact

    @property
    def exact_session(self) -> Session:
        """The session of the whole grid."""
        return self._exact

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def close(self) -> None:
        """End the worker; a sweep under way is cancelled."""
        with self._changed:
            self._is_closed = True
            self._warming.cancel()
            if self._work is not None:
                self._work.cancellation.cancel()
            self._changed.notify_all()
        if self._worker.is_alive():
            self._worker.join(END_SECONDS)  # a compiler does not give way
        self._exact.close()
        self._coarse.close()

    def open_page(self, deliver: Deliver) -> Page | None:
        """Return a page that may ask from now on.

        Parameters
        ----------
        deliver : callable
            Gets its answers, from the thread of the worker.

        Returns
        -------
        Page or None
            None where too many are open.
        """
        with self._changed:
            if len(self._pages) >= MOST_PAGES:
                return None
            page = Page(deliver)
            self._pages.append(page)
            if self._compiled["words"]:
                deliver("compiling", describe_compiled())
            return page

    def close_page(self, page: Page) -> None:
        """Forget a page; what is swept for it is cancelled.

        Parameters
        ----------
        page : Page
            What ``open_page`` returned.
        """
        with self._changed:
            self._pages.remove(page)
            page.waiting = None
            if self._work is not None and self._work.page is page:
                self._work.cancellation.cancel()

    def receive(self, page: Page, text: Any) -> Order | None:
        """Take a message of a page; a question waits for the worker.

        Parameters
        ----------
        page : Page
            Whose message it is.
        text : object
            What it says, which may be anything.

        Returns
        -------
        Order or None
            What else is to be done.
        """
        try:
            message = read_message(text)
        except (QmacError, OverflowError) as error:
            page.deliver("error", describe_error(find_number(text), error))
            return None
        if isinstance(message, Order):
            return message
        self.ask(page, message)
        return None

    def ask(self, page: Page, ask: Ask) -> None:
        """Let a question wait for the worker, in place of the one of its page that waits.

        A coarse sweep under way is finished, or a drag would show nothing; an exact one gives way.

        Parameters
        ----------
        page : Page
            Who asks.
        ask : Ask
            The question.
        """
        with self._changed:
            page.waiting = ask
            work = self._work
            if work is not None and work.ask.is_exact and self.is_thinned:
                is_sooner = work.page is page or not ask.is_exact
                if is_sooner:
                    work.cancellation.cancel()
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Questions that wait, one of each page at most."""
        return sum(page.waiting is not None for page in self._pages)

    def _run(self) -> None:
        """Answer questions until the explorer is closed."""
        with listening(lambda _: self._tell_compiled()):
            self._warm_up()
            while (work := self._wait()) is not None:
                try:
                    self._answer(work)
                finally:
                    with self._changed:
                        self._work = None

    def _wait(self) -> _Work | None:
        """Return the next question, once there is one; None where the explorer is closed."""
        while True:
            self._tell_compiled()
            with self._changed:
                seconds = LOOK_SECONDS if self._compiled["words"] else None
                self._changed.wait_for(lambda: self._is_closed or self.waiting, seconds)
                if self._is_closed:
                    return None
                if self.waiting:
                    self._work = self._choose()
                    return self._work

    def _tell_compiled(self) -> None:
        """Let pages know what is compiled, where that has changed."""
        compiled = describe_compiled()
        with self._changed:
            is_known = all(compiled[key] == self._compiled[key] for key in ("words", "beside"))
            self._compiled = compiled
            pages = [] if is_known else list(self._pages)
        for page in pages:
            page.deliver("compiling", compiled)

    def _warm_up(self) -> None:
        """Answer the first question, while a browser opens the page: kernels are then loaded."""
        began = time.perf_counter()
        question, is_exact = self.first, not self.is_thinned
        with suppress(QmacError):  # the page will be told
            result = self._coarse.optimize(
                **question.arguments,
                top=DEFAULT_TOP if is_exact else 1,
                cancellation=self._warming,
            )
            seconds = time.perf_counter() - began
            self._opening = Answer(question, is_exact, result, seconds)

    def _choose(self) -> _Work:
        """Return the next question: coarse ones first, in turn of their pages."""
        asking = [page for page in self._pages if page.waiting is not None]
        page = min(asking, key=lambda page: page.waiting is not None and page.waiting.is_exact)
        self._pages.remove(page)  # to the end: the others have their turn
        self._pages.append(page)
        ask, page.waiting = page.waiting, None
        assert ask is not None
        return _Work(page, ask)

    def _answer(self, work: _Work) -> None:
        """Answer a question, or say why there is no answer."""
        page, ask = work.page, work.ask
        try:
            answer = self._find(work)
            view = self._resolve(answer, ask.view, work.cancellation)
            command = self.build_command(answer.question)
            parts = (ask.number, answer, view, self.prices, command)
            frame = build_frame(*parts, work.cancellation, is_moving=not ask.is_exact)
        except Stopped as error:
            self._give_way(work, error)
        except QmacError as error:
            page.deliver("error", describe_error(ask.number, error))
        except Exception as error:
            warn(f"explorer: {type(error).__name__}: {error}")
            text = f"an internal error: {type(error).__name__}: {error}. Please report it."
            page.deliver("error", {"type": "error", "id": ask.number, "text": printable(text)})
        else:
            page.deliver("frame", frame)

    def _give_way(self, work: _Work, error: Stopped) -> None:
        """Ask again after another page's question; say what else ended a sweep."""
        if not work.cancellation.is_cancelled:
            work.page.deliver("error", describe_error(work.ask.number, error))
            return
        with self._changed:
            if work.page in self._pages and work.page.waiting is None and not self._is_closed:
                work.page.waiting = work.ask

    def _find(self, work: _Work) -> Answer:
        """Return the answer of a question, which may be the page's last one."""
        page, ask = work.page, work.ask
        is_exact = ask.is_exact or not self.is_thinned
        found = page.recall(ask.question, is_exact=is_exact) or self._recall_opening(work)
        if found is not None:
            return found
        began = time.perf_counter()
        session = self._exact if is_exact else self._coarse
        result = session.optimize(
            **ask.question.arguments,
            top=DEFAULT_TOP if is_exact else 1,
            progress=functools.partial(self._show_progress, page, ask) if is_exact else None,
            cancellation=work.cancellation,
        )
        answer = Answer(ask.question, is_exact, result, time.perf_counter() - began)
        if is_exact:
            page.exact = answer
        else:
            page.coarse = answer
        return answer

    def _show_progress(self, page: Page, ask: Ask, status: Status) -> None:
        if status.seconds < QUICK_SECONDS:
            return
        content = {"type": "progress", "id": ask.number, "share": status.share}
        page.deliver("progress", content)
        self._tell_compiled()

    def _recall_opening(self, work: _Work) -> Answer | None:
        """Return the answer that was there before a page asked, if it is that of the question."""
        opening = self._opening
        if opening is None or opening.question != work.ask.question:
            return None
        if opening.is_exact:
            work.page.exact = opening
        return opening if opening.is_exact or not work.ask.is_exact else None

    def _resolve(self, answer: Answer, view: View, cancellation: Cancellation) -> View:
        """Return what is shown, with the best combination of a cell in its place."""
        if view.cell is None:
            return view
        combination = self._find_best(answer, view.cell, cancellation)
        return replace(view, combination=combination, cell=None)

    def _find_best(
        self, answer: Answer, cell: Cell, cancellation: Cancellation
    ) -> Combination | None:
        """Return the best combination of a cell of the maps of an answer."""
        grid = answer.result.grid
        roles: dict[str, Sequence[int]] = {role: grid.roles[role] for role in ROLES}
        for role, window in ((cell.rows, cell.row), (cell.columns, cell.column)):
            if window not in roles[role]:
                raise InputError(f"{role} {window} is not in the grid. Click on a cell of a map.")
            roles[role] = (window,)
        part = Grid(**roles, shared_windows=grid.shared_windows)
        with Session(self.prices, part, self._exact.threads, limits=self._exact.limits) as session:
            result = session.optimize(**answer.question.arguments, top=1, cancellation=cancellation)
        return result.best

    def build_command(self, question: Question) -> str:
        """Return the command that sweeps the whole grid for a question.

        Parameters
        ----------
        question : Question
            Any.

        Returns
        -------
        str
            A line for a shell, or a call of Python; empty where the prices have no name on a
            command line.
        """
        if self._words is None:
            return question.format_call()
        if not self._words:
            return ""
        words = ["qmac", "optimize", *self._words, *question.list_words()]
        return " ".join(map(shell_quote, words))


def describe_compiled() -> dict[str, Any]:
    """Return what is compiled now as a message to pages.

    Returns
    -------
    dict
        ``words`` are empty where nothing is; ``beside`` is whether no question waits for it.
    """
    waited = find_compiling()
    now = waited or find_beside()
    return {
        "type": "compiling",
        "words": "" if now is None else now.words,
        "seconds": 0.0 if now is None else now.seconds,
        "usual": USUAL_SECONDS,
        "beside": waited is None,
    }


def describe_error(number: int | None, error: Exception) -> dict[str, Any]:
    """Return an error as a message to the page.

    Parameters
    ----------
    number : int or None
        Of the message that it is about.
    error : Exception
        What was raised.

    Returns
    -------
    dict
        With a sentence.
    """
    return {"type": "error", "id": number, "text": printable(error)}
