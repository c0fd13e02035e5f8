"""Results are read from disk, and checked before anything of them is believed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qmac import _views
from qmac._checks import check_path
from qmac.data.readers import read_stored
from qmac.engine.dataset.series import Series
from qmac.engine.sweep.distribution import Distribution
from qmac.engine.sweep.reductions import PAIRS
from qmac.engine.sweep.window_maps import Maps
from qmac.errors import (
    OptionError,
    OutOfMemoryError,
    ResultError,
    printable,
    shell_quote,
    suggestion,
    warn,
)
from qmac.results.collection import Results
from qmac.results.header import check_header
from qmac.results.identity import (
    advise_repeat,
    advise_resuming,
    build_error,
    check_figures,
    check_identity,
    read_identity,
)
from qmac.results.outline import Outline, OutlineTable
from qmac.results.result import STORED_TOLERANCE, Result, are_close
from qmac.results.writer import (
    ARRAYS,
    AVERAGES_FILE,
    FORMAT,
    HEADER,
    PRICES,
    TOP,
    compute_file_checksum,
)
from qmac.runs.creation import PRICES as PRICES_FOLDER
from qmac.runs.creation import RESULTS, prices_file
from qmac.runs.directory import RunDirectory
from qmac.runs.header import HEADER as RUN
from qmac.runs.header import prices_checksum
from qmac.runs.score_store import SCORES, ScoreGrid, has_dropped_scores, is_complete
from qmac.runs.tasks import Task
from qmac.runtime.resources.admission import check_memory
from qmac.storage.files import (
    is_directory,
    is_file,
    look_up,
    open_file,
    read_bytes,
    resolve_typed,
)
from qmac.storage.json_text import compute_checksum
from qmac.storage.lock import LOCK, is_held
from qmac.storage.refusals import describe_damage, is_fault
from qmac.storage.tables import HEADER_BYTES, check_table, load_arrays, read_first_row
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import METRICS
from qmac.strategy.objective import Objective
from qmac.strategy.request import Request

AGAIN = "Run it again."
ANSWER_SUFFIX = ".json"
"""Of the files that ``Luck.save`` and ``Forward.save`` write."""
NAME_RESULT = "Name a directory that 'qmac optimize --out' or Result.save wrote."
NUMBER_BYTES = 8
MAPS = 3
"""Best, mean and count."""
MORE_ARRAY_BYTES = 1 << 20
"""Of the distribution, and of what describes the arrays."""
TABLE_EXPANSION, ARRAYS_EXPANSION = 3, 2
"""Memory while numbers are read, for a byte of them. Measured: 2.4 and 1.4."""
SERIES_BAR_BYTES = 200
"""Memory of a bar while prices are read and a combination and its neighbours are replayed."""
FEWER = "sweep fewer windows or a smaller top"
FEWER_BARS = "take a machine with more"
COPIED = (
    "evaluated",
    "scored",
    "unscored",
    "filtered",
    "filtered_by",
    "elapsed",
    "threads",
    "prices",
    "periods_per_year",
)
"""Entries of a header that are fields of a result as they stand."""


class Place(NamedTuple):
    """The run in which a result lies, and the task whose result should be there."""

    run: RunDirectory
    task: Task


class Summary(NamedTuple):
    """What a list shows of a result, whose arrays are not read."""

    header: dict[str, Any]
    """``result.json``; those of earlier versions say nothing of failed cells."""
    request: Request
    best: dict[str, Any] | None
    """Windows and objective of the first row; None if there is no row."""


FORWARD = "forward.json"
"""Answer of a walk-forward, in its directory."""
LUCK, TRIES = "luck.json", "tries.json"
"""Answers of random markets."""


def load(directory: str | Path) -> Result | Any:
    """Read a result, or another answer, that its ``save`` or a call with ``out`` wrote.

    Parameters
    ----------
    directory : str or Path
        The directory of a result, of a run of one symbol, or of a walk-forward; or a file that
        ``Luck.save`` or ``Forward.save`` wrote.

    Returns
    -------
    Result
        Every file of it has the checksum that it was written with. Of such a file, the ``Luck`` or
        the ``Forward``.

    Raises
    ------
    ResultError
        If the directory holds no result, a damaged one, one of a newer qmac, or one that answers
        something else than the run in which it lies.
    """
    path = _resolve(directory)
    is_named = path.suffix == ANSWER_SUFFIX and path.name not in (HEADER, RUN)
    if is_named and not path.is_dir():
        return _views.draw("answer file", path.absolute())
    if holds_walk(path):
        return _views.draw("walk", path)
    return _load(_find_result(path))


def holds_walk(path: Path) -> bool:
    """Return whether a directory holds a walk-forward, by itself or with its prices.

    Parameters
    ----------
    path : Path
        Any directory.

    Returns
    -------
    bool
        False for a sweep, in whose directory a walk-forward may lie, too.
    """
    if is_file(path / FORWARD):
        return True
    return is_file(path / RUN) and RunDirectory.open(path).header.folds is not None


def find_answer(path: Path) -> Path | None:
    """Return the file of an answer that a user names by itself, or by its directory.

    Parameters
    ----------
    path : Path
        Any file or directory.

    Returns
    -------
    Path or None
        None for the directory of a run, of a result, or of anything else.
    """
    if is_file(path):
        is_named = path.suffix == ANSWER_SUFFIX and path.name not in (HEADER, RUN)
        return path if is_named else None
    if is_file(path / RUN) or is_file(path / HEADER):
        return None
    return next((path / name for name in (LUCK, TRIES) if is_file(path / name)), None)


def _resolve(directory: str | Path) -> Path:
    """Return a directory that a user named, with links followed."""
    try:
        return resolve_typed(check_path("directory", directory, ResultError))
    except OSError as error:
        raise ResultError(
            f"{error.filename} cannot be read: {error.strerror}. Name another directory."
        ) from None


def _load(directory: Path, place: Place | None = None) -> Result:
    """Read the result in a directory; where it lies in a run is looked up, if it is not known."""
    with _readable(directory):
        header, place = _read_identified(directory, place)
        _check_files(directory, header, {TOP, ARRAYS, *header["checksums"]})
        result = _build_result(directory, header, place)
        _check_consistency(directory, header, result)
    if place is not None and result.fingerprint is None:
        check_figures(directory, result, place.run)
    return result


def read_summary(directory: Path, place: Place | None = None) -> Summary:
    """Read what a list shows of a result: its header and its best row, checked as ``load`` does.

    Parameters
    ----------
    directory : Path
        The directory of a result.
    place : Place, optional
        Where it lies in a run; looked up by default.

    Returns
    -------
    Summary
        The other files are not read, so damage of them is not seen.

    Raises
    ------
    ResultError
        If the header or the rows are damaged, or the result answers something else than the run
        in which it lies.
    """
    with _readable(directory):
        header, _ = _read_identified(directory, place)
        _check_files(directory, header, {TOP})
        request = Request.from_dict({"top": 1} | header)
        best = read_first_row(directory / TOP, [*ROLES, request.objective])
    return Summary({"failed": []} | header, request, best)


@contextmanager
def _readable(directory: Path) -> Iterator[None]:
    """Raise ResultError for whatever a damaged file leads to: it can fail in any way."""
    try:
        yield
    except ResultError:
        raise
    except Exception as error:
        if is_fault(error):  # of the disk, or too many open files: the result may be sound
            raise
        raise ResultError(f"{directory} is damaged ({describe_damage(error)}).", AGAIN) from None


def _read_identified(directory: Path, place: Place | None) -> tuple[dict[str, Any], Place | None]:
    """Return the header of a result, and its place in a run, which it is compared with."""
    header = _read_header(directory)
    place = place or _find_place(directory, header)
    if place is not None:
        check_identity(directory, header, *place)
    return header, place


def _find_place(directory: Path, header: dict[str, Any]) -> Place | None:
    """Return where a result lies in a run; None if it was saved elsewhere."""
    directory = directory.resolve()
    path = directory.parent.parent
    # other programs have files and folders of these names, too
    is_in_run = directory.parent.name == RESULTS and is_directory(path / PRICES_FOLDER)
    if not (is_in_run and is_file(path / RUN)):
        return None
    run = RunDirectory.open(path)
    by_key = {task.key: task for task in run.tasks}
    symbol = header["prices"]["name"]
    task = by_key.get(directory.name, Task(symbol))
    if task.symbol not in run.symbols:
        raise build_error(directory, f"of {symbol}, which is no symbol of {path}", run)
    return Place(run, task)


def _find_result(directory: Path) -> Path:
    """Return the directory of the result that a path means: itself, or the only one of a run."""
    try:
        if not directory.is_dir():
            raise ResultError(_describe_no_directory(directory))
        if look_up(directory / HEADER) is not None:
            return directory
        if look_up(directory / RUN) is not None:
            return _find_only_result(RunDirectory.open(directory))
        raise ResultError(_describe_other_directory(directory))
    except OSError as error:
        raise ResultError(
            f"{directory} cannot be read: {error.strerror}. Name another directory."
        ) from None


def _find_only_result(run: RunDirectory) -> Path:
    """Return the directory of the result of a run of one symbol, if it is finished."""
    path = run.path
    done = [task for task in run.tasks if look_up(run.result(task) / HEADER) is not None]
    if len(run.tasks) > 1 and done:
        count = len(done) if len(done) == len(run.tasks) else f"{len(done)} of {len(run.tasks)}"
        raise ResultError(
            f"{path} holds {count} results. Name one, such as {run.result(done[0])}, or read all "
            "of them: qmac.resume(directory)."
        )
    if not done:
        raise ResultError(_describe_unfinished(run))
    return run.result(done[0])


def _describe_unfinished(run: RunDirectory) -> str:
    """Return what to do about a run without any result."""
    path = shell_quote(run.path)
    if run.header.folds is not None:
        return f"{run.path} holds a walk-forward, and no result. Show it: qmac show {path}"
    if is_held(run.path / LOCK):
        return f"{run.path} holds no result yet: it is being run. Watch it: qmac watch {path}"
    reason = f"{run.path} holds no result yet: the run is unfinished"
    if not run.header.is_resumable:
        return f"{reason}, and not one that this version resumes. {advise_repeat(run)}"
    return f"{reason}. Resume it: qmac resume {path}"


def _describe_no_directory(path: Path) -> str:
    """Return what to do about a path that is no directory."""
    if not path.exists():
        return f"{path} does not exist. {NAME_RESULT}"
    if path.name in (HEADER, RUN):
        return f"{path} is a file of a result or run. Name its directory: {path.parent}"
    return f"{path} is a file, not a directory. {NAME_RESULT} Prices are read by qmac.read_prices."


def _describe_other_directory(path: Path) -> str:
    """Return what to do about a directory that is neither a result nor a run."""
    below = [*path.glob(f"*/{RUN}"), *path.glob(f"*/{HEADER}")]
    if below:
        return (
            f"{path} holds no result itself, but those of directories in it. Name one, such as "
            f"{min(below).parent}, or list all: qmac runs {shell_quote(path)}"
        )
    reason = "" if any(path.iterdir()) else ", and nothing else"
    return f"{path} holds no result: there is no {HEADER}{reason}. {NAME_RESULT}"


def _read_header(directory: Path) -> dict[str, Any]:
    """Return what ``result.json`` holds, if this version reads it and nothing was changed."""
    path = directory / HEADER
    header: dict[str, Any] = json.loads(read_bytes(path))
    if header["format"] > FORMAT:
        raise ResultError(
            f"{directory} was written by qmac {printable(header['qmac'])}. Update qmac to read it."
        )
    if compute_checksum(header) != header.get("checksum"):
        raise ResultError(f"{path} was changed: its checksum differs.", AGAIN)
    check_header(header)
    return header


def _check_files(directory: Path, header: dict[str, Any], names: Collection[str]) -> None:
    """Raise ResultError unless files are as they were written."""
    checksums = header["checksums"]
    for name in names:
        if compute_file_checksum(directory / name) != checksums[name]:
            raise ResultError(f"{directory / name} is damaged: its checksum differs.", AGAIN)


def _build_result(directory: Path, header: dict[str, Any], place: Place | None) -> Result:
    """Return the result in a directory, with where its prices and scores are."""
    top = _read_table(directory / TOP)
    request = Request.from_dict(header | {"top": max(len(top), 1)})
    grid = request.grid
    most = _compute_most_bytes(len(grid.windows), len(top))
    arrays = load_arrays(directory / ARRAYS, most, _build_bytes_check(directory, ARRAYS_EXPANSION))
    objective = Objective(request.objective, request.maximize, header["years"])
    heat_maps = (arrays["map_best"], arrays["map_mean"], arrays["map_count"])
    identity = read_identity(header)
    checksum = "" if identity is None else identity.checksum
    stored = _find_scores(directory, header, place)
    copied = {name: header[name] for name in COPIED}
    return Result(
        top=top,
        distribution=_build_distribution(header, arrays, objective),
        grid=grid,
        rules=request.rules,
        objective=request.objective,
        maximize=request.maximize,
        hold={metric: float(value) for metric, value in header["hold"].items()},
        constraints=dict(request.constraints),
        top_scores=arrays["top_scores"],
        maps=Maps(objective, grid.windows, *heat_maps),
        # earlier versions wrote none of these three
        degradations=list(header.get("degradations", [])),
        failed=list(header.get("failed", [])),
        machine=str(header.get("machine", "")),
        scores=None if stored is None else ScoreGrid(stored, grid, objective, checksum),
        source=_find_source(directory, header, place, grid.windows),
        fingerprint=None if identity is None else identity.fingerprint,
        **copied,
    )


def _find_scores(directory: Path, header: dict[str, Any], place: Place | None) -> Path | None:
    """Return where the scores of a result are; a warning says that they are missing."""
    path = directory / SCORES
    if look_up(path) is not None:
        return path
    if place is None or place.run.save_grid is None or has_dropped_scores(header):
        return None
    unmoved = place.run.scores(place.task)  # of a process that was killed before it moved them
    if is_complete(unmoved):
        return unmoved
    warn(
        f"{path} is missing, where the run stored every score (--save-grid). Put it back, or go on "
        "without: everything else of the result is there.",
        stacklevel=2,
    )
    return None


def _compute_most_bytes(windows: int, rows: int) -> int:
    """Return how many bytes the arrays of a result have at most."""
    return NUMBER_BYTES * (MAPS * len(PAIRS) * windows**2 + rows) + MORE_ARRAY_BYTES


def _build_bytes_check(directory: Path, expansion: int) -> Callable[[int], None]:
    """Return what refuses to read so many bytes of numbers where there is no memory for them."""

    def check(size: int) -> None:
        check_memory(f"reading {directory}", expansion * size, FEWER)

    return check


def _read_table(path: Path) -> pd.DataFrame:
    with open_file(path) as file:
        check_table(file, check_bytes=_build_bytes_check(path.parent, TABLE_EXPANSION))
        return pd.read_parquet(file)


def _build_distribution(
    header: dict[str, Any], arrays: dict[str, np.ndarray], objective: Objective
) -> Distribution:
    """Return the distribution that ``build_arrays`` took apart."""
    mean, std, lowest, highest = map(float, arrays["scores"])
    return Distribution(
        objective=objective,
        score_edges=arrays["edges"],
        counts=arrays["counts"],
        scored=header["scored"],
        positive=int(arrays["positive"]),
        score_mean=mean,
        score_std=std,
        score_min=lowest,
        score_max=highest,
        limit=header["limit"],
    )


def _check_consistency(directory: Path, header: dict[str, Any], result: Result) -> None:
    """Raise ResultError unless counts, maps and top rows are those of the grid and objective.

    The digest covers figures, and not what they are the answer to.
    """
    if result.digest != header["digest"]:
        raise ResultError(
            f"{directory} is damaged: its digest is {result.digest}, not {header['digest']}.",
            AGAIN,
        )
    grid, top, windows = result.grid, result.top, len(result.grid.windows)
    _check_columns(top)
    failed = sum(cell["combinations"] for cell in result.failed)
    passed = result.scored + result.unscored
    distribution, objective = result.distribution, result.distribution.objective
    best = distribution.score_max if objective.maximize else distribution.score_min
    values = objective.values(result.top_scores)
    agreements = {
        "evaluated": result.evaluated + failed == grid.size,
        "filtered": passed + result.filtered == result.evaluated,
        "filtered_by": result.filtered_by.keys() == result.constraints.keys(),
        "scored": int(distribution.counts.sum()) == result.scored,
        "maps": result.maps.best.shape == (len(PAIRS), windows, windows),
        "rows": len(top) == min(header.get("top", len(top)), result.scored),
        "windows": all(top[role].isin(grid.roles[role]).all() for role in ROLES),
        "best": are_close(result.top_scores[:1], best, STORED_TOLERANCE),
        "scores": are_close(top[result.objective], values, STORED_TOLERANCE),
    }
    wrong = [name for name, agrees in agreements.items() if not agrees]
    if wrong:
        raise ResultError(
            f"{directory} contradicts itself: its {', '.join(wrong)} are not those of its grid "
            "and objective.",
            AGAIN,
        )


def _check_columns(top: pd.DataFrame) -> None:
    """Raise ValueError unless the rows have every window and metric once, as numbers."""
    names = list(top.columns)
    is_numeric = all(kind.kind in "iuf" for kind in top.dtypes)
    is_named = names[: len(ROLES)] == list(ROLES) and METRICS.keys() <= set(names)
    if not is_numeric or not is_named or not top.columns.is_unique:
        raise ValueError(f"{TOP} is no table of windows and metrics")


def _find_source(
    directory: Path, header: dict[str, Any], place: Place | None, windows: tuple[int, ...]
) -> Callable[[], Series] | None:
    """Return what reads a result's prices, beside it or in its run directory; None if neither."""
    prices = header["prices"]
    if PRICES in header["checksums"]:
        has_averages = AVERAGES_FILE in header["checksums"]
        return functools.partial(
            read_series,
            directory,
            prices["name"],
            len(windows) if has_averages else 0,
            prices.get("sha256"),
        )
    if place is not None:
        return functools.partial(_read_series_of_run, place, windows)
    return None


def read_series(
    directory: Path, name: str, averages: int = 0, checksum: str | None = None
) -> Series:
    """Read the prices and averages that ``write_series`` wrote.

    Parameters
    ----------
    directory : Path
        The directory of a result.
    name : str
        The symbol.
    averages : int
        Number of averages of the user's own that lie beside the prices.
    checksum : str, optional
        Of the prices, see ``prices_checksum``; results of earlier versions have none.

    Returns
    -------
    Series
        Prices and averages.

    Raises
    ------
    ResultError
        If a file is damaged, or the prices are others.
    """
    own = None
    try:
        with open_file(directory / PRICES) as file:
            check_table(file, check_bytes=_build_bytes_check(directory, TABLE_EXPANSION))
            prices = read_stored(file, name)
        if averages:
            bars = len(prices.frame)
            most = averages * (NUMBER_BYTES * bars + HEADER_BYTES)
            arrays = load_arrays(directory / AVERAGES_FILE, most)
            own = {int(window): row for window, row in arrays.items()}
    except OutOfMemoryError:
        raise
    except Exception as error:  # a damaged file can fail in any way; all of them mean the same
        raise ResultError(
            f"{directory / PRICES} is damaged ({describe_damage(error)}).", AGAIN
        ) from None
    if checksum not in (None, prices_checksum(prices)):
        raise ResultError(f"{directory / PRICES} holds other prices.", AGAIN)
    return Series(prices, own)


def _read_series_of_run(place: Place, windows: tuple[int, ...]) -> Series:
    run, task = place
    bars = run.header.prices[task.symbol].bars
    check_memory(f"reading the prices of {task.symbol}", SERIES_BAR_BYTES * bars, FEWER_BARS)
    return Series.from_rows(run.prices(task.symbol), run.averages(), windows)


def return_result(result: Result) -> Result:
    """Return a result that is in memory, where ``Results`` asks for a function.

    Returns
    -------
    Result
        The result itself.
    """
    return result


def result_reader(directory: RunDirectory, task: Task) -> Callable[[], Result]:
    """Return a function that reads the result of a task.

    Parameters
    ----------
    directory : RunDirectory
        The run.
    task : Task
        One of its tasks.

    Returns
    -------
    callable
        Takes nothing, returns the ``Result``.
    """
    return lambda: _load(directory.result(task), Place(directory, task))


def build_outline_finder(directory: RunDirectory) -> Callable[[str], Outline | None]:
    """Return a function that finds what lists show of a symbol in the table of a run.

    Parameters
    ----------
    directory : RunDirectory
        The run.

    Returns
    -------
    callable
        Takes the name of a task, returns an ``Outline`` or None.
    """
    table, tasks = OutlineTable(directory), {task.name: task for task in directory.tasks}
    return lambda name: table.find(tasks[name]) if name in tasks else None


def read_results(path: str | Path, symbol: str | None = None) -> Results:
    """Read the results in a directory of one result or of a run, finished or not.

    Parameters
    ----------
    path : str or Path
        The directory.
    symbol : str, optional
        The only symbol to read; all of them by default.

    Returns
    -------
    Results
        Those of a run are read one by one, when they are looked up.

    Raises
    ------
    ResultError
        If there are none, or the only one is damaged.
    OptionError
        If there is none of that symbol.
    """
    path = _resolve(path)
    if look_up(path / RUN) is None:
        result = load(path)
        readers = {result.prices["name"]: functools.partial(return_result, result)}
        return _select(path, Results(readers, {}), symbol)
    run = RunDirectory.open(path)
    done = [task for task in run.tasks if look_up(run.result(task) / HEADER) is not None]
    if not done:
        raise ResultError(_describe_unfinished(run))
    missing = [task.name for task in run.tasks if task not in done]
    readers_by_name = {task.name: result_reader(run, task) for task in done}
    results = Results(readers_by_name, run.header.left_out, missing, build_outline_finder(run))
    return _select(path, results, symbol)


def check_files(path: Path) -> None:
    """Check that the files of a run are whole, and of a version that is read.

    Parameters
    ----------
    path : Path
        The directory of a run.

    Raises
    ------
    ResultError
        If it has no result, or a file of it is damaged or of a newer qmac. Of prices, it is only
        seen that they end as they should: to read them takes as long as what is done with them.
    OSError
        If a file cannot be opened.
    """
    run, has_result = RunDirectory.open(path), False
    for task in run.tasks:
        directory = run.result(task)
        if look_up(directory / HEADER) is None:
            continue
        with _readable(directory):
            header = _read_header(directory)
            _check_files(directory, header, {TOP, ARRAYS, *header["checksums"]})
        has_result = True
    if not has_result:
        raise ResultError(f"{path} holds no result.", advise_repeat(run))
    for symbol in run.symbols:
        file = prices_file(path, symbol)
        with _readable(file), open_file(file) as opened:
            check_table(opened)


def _select(path: Path, results: Results, symbol: str | None) -> Results:
    """Return all results, or that of one symbol."""
    if symbol is None:
        return results
    if symbol in results.missing:
        advice = advise_resuming(RunDirectory.open(path), "Resume the run")
        raise ResultError(f"{path} holds no result of {symbol} yet.", advice)
    if symbol not in results:
        raise OptionError(f"{path} holds no result of {symbol!r}. {suggestion(symbol, results)}")
    return Results({symbol: functools.partial(results.__getitem__, symbol)}, {})
