"""What is done with an exact answer: saved as a run, or compared with random markets."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from qmac.data.symbols import Symbols
from qmac.errors import OptionError, QmacError, Stopped, printable, shell_quote, warn
from qmac.explorer.answer import Answer
from qmac.explorer.explorer import END_SECONDS, Explorer, Page, describe_error
from qmac.explorer.messages import Order
from qmac.jobs.job import build_job
from qmac.jobs.result_sink import build_sink
from qmac.jobs.runner import create_directory
from qmac.report.sections.luck import summarize_luck
from qmac.robustness.luck.answer import Luck
from qmac.robustness.luck.search import Plan, Search
from qmac.runtime.execution.threads import ThreadExecutor
from qmac.storage.files import look_up

NAME = "explored"
MOST_RUNS = 10_000
ENDED = "stopped: another page asks whether it is luck"


class Orders:
    """Does what pages order, beside the worker that answers questions.

    Parameters
    ----------
    explorer : Explorer
        Whose answers.
    folder : Path
        Where runs are saved, each in a directory of its own. No page says where.
    plan : Plan, optional
        How random markets are drawn.
    """

    def __init__(self, explorer: Explorer, folder: Path, plan: Plan | None = None) -> None:
        self._explorer = explorer
        self._folder = folder
        self._plan = Plan.check() if plan is None else plan
        self._savers = ThreadPoolExecutor(1)
        self._saving: list[Page] = []
        """Pages with a run that is not there yet, one each at most."""
        self._luck: _LuckThread | None = None

    def take(self, page: Page, order: Order) -> None:
        """Do what a page orders; it is told when that is done.

        Parameters
        ----------
        page : Page
            Who orders.
        order : Order
            What.
        """
        if order.kind == "stop":
            self.forget(page)
            return
        answer = page.exact
        if answer is None or answer.result.best is None:
            error = OptionError(
                "there is no exact answer with a best combination yet. Wait for it."
            )
            page.deliver("error", describe_error(order.number, error))
        elif order.kind == "save":
            self._begin_to_save(page, order, answer)
        else:
            self._begin_luck(page, order, answer)

    def forget(self, page: Page) -> None:
        """End what goes on for a page.

        Parameters
        ----------
        page : Page
            Which has closed, or wants no more of it.
        """
        if self._luck is not None and self._luck.page is page:
            self._luck.stop()

    def close(self) -> None:
        """End all that goes on."""
        if self._luck is not None:
            self._luck.stop()
            self._luck.join(END_SECONDS)
        self._savers.shutdown(cancel_futures=True)

    def _begin_to_save(self, page: Page, order: Order, answer: Answer) -> None:
        """Save on a thread of its own, unless a run of the page waits already."""
        if page in self._saving:
            error = OptionError("a run is being saved. Wait for it.")
            page.deliver("error", describe_error(order.number, error))
            return
        self._saving.append(page)
        self._savers.submit(self._attempt_to_save, page, order, answer)

    def _attempt_to_save(self, page: Page, order: Order, answer: Answer) -> None:
        try:
            _attempt(page, order, lambda: self._save(page, order, answer))
        finally:
            self._saving.remove(page)

    def _save(self, page: Page, order: Order, answer: Answer) -> None:
        """Write the run directory of an answer, as ``qmac optimize --out`` does."""
        path = self._find_free()
        prices, result = self._explorer.prices, answer.result
        job = build_job(Symbols({prices.name: prices}, {}), result.request, strict=True)
        directory = create_directory(job, path)
        sink = build_sink(job, directory, retry_failed=False)
        (task,) = job.tasks
        with sink.opened(None):
            sink.store(task, result)
            sink.finish()
        shown = printable(path)
        command = f"qmac report {shell_quote(path)}"
        content = {"type": "saved", "id": order.number, "path": shown, "command": command}
        page.deliver("saved", content | {"digest": result.digest})

    def _find_free(self) -> Path:
        """Return the first directory of its kind that is not there."""
        for number in range(1, MOST_RUNS):
            path = self._folder / f"{NAME}-{number}"
            if look_up(path) is None:
                return path
        raise OptionError(f"{self._folder} holds {MOST_RUNS:,} runs. Move some of them.")

    def _begin_luck(self, page: Page, order: Order, answer: Answer) -> None:
        """Begin to sweep random markets, in place of others that are swept."""
        if self._luck is not None:
            self._luck.stop(None if self._luck.page is page else ENDED)
        self._luck = _LuckThread(page, order, answer, self._plan, self._explorer)
        self._luck.start()


class _LuckThread(threading.Thread):
    """Sweeps random markets, and tells the page what they say so far."""

    def __init__(
        self, page: Page, order: Order, answer: Answer, plan: Plan, explorer: Explorer
    ) -> None:
        super().__init__(name="luck", daemon=True)
        self.page = page
        self._order = order
        self._answer = answer
        self._plan = plan
        self._session = explorer.exact_session
        self._is_stopped = False
        self._reason: str | None = None
        self._shown = -1

    def stop(self, reason: str | None = None) -> None:
        """End it within a tenth of a second, and the markets under way.

        Parameters
        ----------
        reason : str, optional
            What its page is told; nothing where the page ends it.
        """
        self._reason = reason
        self._is_stopped = True

    def run(self) -> None:
        """Sweep, and deliver."""
        _attempt(self.page, self._order, self._sweep)

    def _sweep(self) -> None:
        search = Search.prepare(self._answer.result, self._plan)
        executor = ThreadExecutor(self._session.threads)
        try:
            luck = search.run(None, self._session.limits, executor, None, self._watch)
        except _Ended:
            if self._reason is not None:
                self._deliver({"ended": self._reason})
            return
        self._deliver(describe_luck(luck, self._plan, is_done=True))

    def _watch(self, luck: Luck) -> None:
        """Deliver an answer that has more markets than the one before."""
        if self._is_stopped:
            raise _Ended
        markets = _count_markets(luck)
        if markets != self._shown:
            self._shown = markets
            self._deliver(describe_luck(luck, self._plan, is_done=False))

    def _deliver(self, content: dict[str, Any]) -> None:
        """Let the page know: only this thread does, so that nothing comes behind an end."""
        self.page.deliver("luck", {"type": "luck", "id": self._order.number} | content)


class _Ended(Exception):
    """Raised in the thread that waits for random markets."""


def describe_luck(luck: Luck, plan: Plan, *, is_done: bool) -> dict[str, Any]:
    """Return an answer, or what there is of it, as the page shows it.

    Parameters
    ----------
    luck : Luck
        Of all markets that are swept so far, maybe none.
    plan : Plan
        How many there will be.
    is_done : bool
        Whether these are all.

    Returns
    -------
    dict
        Plain values.
    """
    content: dict[str, Any] = {
        "done": is_done,
        "swept": _count_markets(luck),
        "size": plan.resamples * len(plan.nulls),
        "seconds": luck.elapsed,
        "p": math.nan,
    }
    if any(scores.size == 0 for scores in luck.scores_by_null.values()):
        return content
    summary = summarize_luck(luck)
    return content | {
        "p": summary.p,
        "low": summary.low,
        "high": summary.high,
        "winner": summary.winner,
        "sentences": summary.sentences if is_done else (),
        "edges": summary.edges,
        "is_as_good": summary.is_as_good,
        "nulls": [
            {
                "name": null.name,
                "resamples": null.resamples,
                "at_least": null.at_least,
                "p": null.p,
                "counts": null.counts,
            }
            for null in summary.nulls
        ],
    }


def _count_markets(luck: Luck) -> int:
    return sum(scores.size for scores in luck.scores_by_null.values())


def _attempt(page: Page, order: Order, action: Callable[[], None]) -> None:
    """Do something on a thread of its own; tell the page what went wrong."""
    try:
        action()
    except (QmacError, OSError, Stopped) as error:
        page.deliver("error", describe_error(order.number, error))
    except Exception as error:
        warn(f"explorer: {type(error).__name__}: {error}")
        text = OptionError(f"an internal error: {type(error).__name__}: {error}. Please report it.")
        page.deliver("error", describe_error(order.number, text))
