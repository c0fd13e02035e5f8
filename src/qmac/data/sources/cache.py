"""Copies of what sources gave: a Parquet file for each series, and a JSON file beside it.

Both hold the same facts, the Parquet file in its metadata under ``qmac``; the JSON file also has
the checksum of the Parquet file. Each is written whole, the JSON file last, under a lock. A copy
whose checksum is another is damaged and not read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from qmac.data.arrow_file import FACTS
from qmac.data.sources.base import Bars, BarsRequest
from qmac.data.sources.names import SourceName
from qmac.errors import SourceError, warn
from qmac.storage.atomic import write_whole
from qmac.storage.directories import find_cache_directory, safe_name
from qmac.storage.files import make_directories, read_bytes, resolve_typed
from qmac.storage.lock import wait_for_lock
from qmac.storage.refusals import describe_refusal
from qmac.storage.tables import check_table

VARIABLE = "QMAC_DATA_DIR"
FORMAT = 1
MOST_BYTES = 2**31
LOCK_SECONDS = 600.0
"""How long to wait for another process that fetches the same series."""
READ_TRIES, READ_SECONDS = 3, 0.05
"""Another process may be between its two files."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a copy."""

    source: str
    symbol: str
    interval: str
    since: str | None
    """First day that was requested; None for all that the source has."""
    raw: bool
    """Whether prices were requested that are not adjusted for dividends."""
    adjusted: bool
    """Whether they are adjusted for dividends, as well as for splits."""
    adjustment: str
    """The same in words."""
    library: str
    """Name and version of what fetched it."""
    fetched: str
    """When, in UTC."""
    complete: bool
    """Whether it goes up to then; False where the source stopped on the way."""
    bars: int
    first: str
    last: str
    format: int = FORMAT


@dataclasses.dataclass(frozen=True, eq=False)
class Copy:
    """A copy that was read or written."""

    path: Path
    """The Parquet file."""
    facts: Facts
    frame: pd.DataFrame

    @property
    def since(self) -> pd.Timestamp | None:
        """First moment that was requested; None for all."""
        return None if self.facts.since is None else pd.Timestamp(self.facts.since)

    def compute_age(self, now: pd.Timestamp) -> float:
        """Return how old it is.

        Parameters
        ----------
        now : Timestamp
            The time, in UTC without a zone.

        Returns
        -------
        float
            Seconds; negative if a clock was set back.
        """
        return float((now - pd.Timestamp(self.facts.fetched)).total_seconds())


def find_copy(name: SourceName, *, is_raw: bool) -> Path:
    """Return the path of a copy.

    Parameters
    ----------
    name : SourceName
        A series.
    is_raw : bool
        Whether its prices are not adjusted.

    Returns
    -------
    Path
        A Parquet file in ``$QMAC_DATA_DIR``, or in ``qmac/prices`` of the user's cache directory.
        It need not exist.

    Raises
    ------
    WriteError
        If a variable names a home directory that there is not.
    """
    try:
        root = resolve_typed(find_cache_directory(VARIABLE, "prices"))
    except OSError as error:
        raise describe_refusal(error.filename or VARIABLE, error) from None
    ending = ".raw.parquet" if is_raw else ".parquet"
    return root / name.source / f"{safe_name(name.symbol)}.{name.interval}{ending}"


def read_copy(name: SourceName, *, is_raw: bool) -> Copy | None:
    """Return the copy of a series.

    Parameters
    ----------
    name : SourceName
        A series.
    is_raw : bool
        Whether its prices are not adjusted.

    Returns
    -------
    Copy or None
        None if there is none, or, with a warning, if it is damaged.
    """
    path = find_copy(name, is_raw=is_raw)
    reason = ""
    for attempt in range(READ_TRIES):
        if attempt:
            time.sleep(READ_SECONDS)
        try:
            return _read(path, name, is_raw=is_raw)
        except FileNotFoundError:
            return None
        except Exception as error:  # Arrow raises anything at damage
            reason = str(getattr(error, "strerror", None) or error).partition("\n")[0]
    warn(f"{path} is damaged and not used: {reason}.", stacklevel=2)
    return None


def _read(path: Path, name: SourceName, *, is_raw: bool) -> Copy:
    """Read both files; any error means that they are not whole."""
    header = json.loads(read_bytes(path.with_suffix(".json")))
    content = read_bytes(path, MOST_BYTES)
    if hashlib.sha256(content).hexdigest() != header.pop("checksum"):
        raise ValueError("its checksum is not that of its JSON file")
    stream = io.BytesIO(content)
    if _read_metadata(stream) != header:
        raise ValueError("its metadata are not what its JSON file says")
    facts = Facts(**header)
    wanted = (name.source, name.symbol, name.interval, is_raw, FORMAT)
    if (facts.source, facts.symbol, facts.interval, facts.raw, facts.format) != wanted:
        raise ValueError(f"it holds {facts.source}:{facts.symbol}:{facts.interval}")
    check_table(stream, facts.bars)
    copy = Copy(path, facts, pd.read_parquet(stream))
    copy.compute_age(pd.Timestamp(copy.since or 0))  # that both are moments
    return copy


def _read_metadata(stream: io.BytesIO) -> Any:
    """Return the facts in the metadata of a Parquet file."""
    import pyarrow.parquet as pq

    return json.loads((pq.read_schema(stream).metadata or {}).get(FACTS, b"null"))


def write_copy(
    request: BarsRequest, bars: Bars, library: str, now: pd.Timestamp, *, is_complete: bool
) -> Copy:
    """Write a copy in place of an older one.

    Parameters
    ----------
    request : BarsRequest
        What was requested.
    bars : Bars
        All that is to be stored.
    library : str
        Name and version of what fetched it.
    now : Timestamp
        When, in UTC without a zone.
    is_complete : bool
        Whether the bars go up to then.

    Returns
    -------
    Copy
        What lies on disk now.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    path = find_copy(request.name, is_raw=request.is_raw)
    frame = bars.frame.rename_axis("Date")
    frame.index = pd.DatetimeIndex(frame.index).as_unit("us")
    facts = Facts(
        source=request.name.source,
        symbol=request.symbol,
        interval=request.interval,
        since=None if request.since is None else _format_moment(request.since),
        raw=request.is_raw,
        adjusted=bars.is_adjusted,
        adjustment=bars.adjustment,
        library=library,
        fetched=now.isoformat(timespec="seconds"),
        complete=is_complete,
        bars=len(frame),
        first=_format_moment(frame.index[0]),
        last=_format_moment(frame.index[-1]),
    )
    content = _to_parquet(frame, facts)
    header = dataclasses.asdict(facts) | {"checksum": hashlib.sha256(content).hexdigest()}
    try:
        make_directories(path.parent)
        write_whole(path, [content])
        write_whole(path.with_suffix(".json"), [json.dumps(header, indent=1).encode()])
    except OSError as error:
        raise describe_refusal(path, error, "directory: set QMAC_DATA_DIR") from None
    return Copy(path, facts, frame)


def _format_moment(moment: pd.Timestamp) -> str:
    """Return a day as such, and other moments with their time."""
    text: str = moment.isoformat()
    return text.removesuffix("T00:00:00")


def _to_parquet(frame: pd.DataFrame, facts: Facts) -> Any:
    """Return the content of a Parquet file, with the facts in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame)
    text = json.dumps(dataclasses.asdict(facts)).encode()
    table = table.replace_schema_metadata({**table.schema.metadata, FACTS: text})
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="snappy", write_page_checksum=True)
    return stream.getbuffer()


@contextmanager
def hold_copy(name: SourceName, *, is_raw: bool) -> Iterator[None]:
    """Keep other processes from fetching a series while the block runs.

    Parameters
    ----------
    name : SourceName
        A series.
    is_raw : bool
        Whether its prices are not adjusted.

    Raises
    ------
    SourceError
        If another process fetches it all the time.
    WriteError
        If the directory cannot be written.
    """
    path = find_copy(name, is_raw=is_raw)
    with ExitStack() as stack:
        try:
            make_directories(path.parent)
            lock = wait_for_lock(path.with_suffix(".lock"), LOCK_SECONDS)
            is_free = stack.enter_context(lock)
        except OSError as error:
            raise describe_refusal(path.parent, error) from None
        if not is_free:
            raise SourceError(
                f"{name} is being fetched by another process for {LOCK_SECONDS:g} s. Wait for it."
            )
        yield
