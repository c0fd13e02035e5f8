"""What a run may use of the machine, checked once at the border and frozen."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any

from qmac._checks import (
    check_count,
    check_flag,
    check_instance,
    check_number,
    describe,
    is_number,
    read_integer,
)
from qmac.errors import OptionError, suggestion

GOVERNORS = ("act", "observe")
LEAST_MEMORY_BYTES = 2**20
"""Less is a forgotten unit, not a wish."""
MOST_BYTES = 2**63
BYTE_UNITS = {
    "": 1, "b": 1,
    "k": 1024, "kib": 1024, "kb": 1000,
    "m": 1024**2, "mib": 1024**2, "mb": 1000**2,
    "g": 1024**3, "gib": 1024**3, "gb": 1000**3,
    "t": 1024**4, "tib": 1024**4, "tb": 1000**4,
}  # fmt: skip
"""GB is the decimal one; G is what docker and systemd mean by it."""
SECOND_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
NUMBER_WITH_UNIT = re.compile(r"([0-9]*\.?[0-9]+)\s*([a-z]*)\s*")
MOST_PARTS = 3
"""Parts of a time, such as ``1h30min``; a size has one."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a run. Any can be left out; then those of the machine hold.

    Parameters
    ----------
    memory : str, int or float, optional
        Memory of this process and its children: text with a unit (``"4GiB"``), bytes as an int, or
        a share of what the machine or its container has (``"80%"``, or a float in (0, 1]). The
        attribute is an int of bytes or a float.
    threads : int, optional
        Most threads that compute at once; by default all that the run was started with.
    cpu_share : float, optional
        Share of the CPUs that may be used, in (0, 1].
    disk_free : str or int, default "256MiB"
        Disk space to leave free where the run is stored: text with a unit, or bytes. None: the disk
        is not watched.
    polite : bool, default False
        Whether threads make way for other programs on the same CPUs.
    max_time : str or float, optional
        When the run stops with a snapshot: text with a unit (``"2h"``, ``"1h30min"``) or seconds.
    governor : {"act", "observe"}, default "act"
        ``"observe"`` records what it would do and changes nothing.

    Raises
    ------
    OptionError
        If a value is outside these bounds.

    Examples
    --------
    >>> limits = Limits(memory="80%", max_time="30min")
    >>> limits.memory, limits.memory_bytes(1000), limits.max_time, limits.disk_free
    (0.8, 800, 1800.0, 268435456)
    >>> Limits(polite="yes")
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: polite must be True or False, got 'yes'.
    """

    memory: str | float | None = field(
        default=None,
        metadata={"help": "Memory limit of the run, such as 4GiB or 80%.", "metavar": "SIZE"},
    )
    threads: int | None = field(
        default=None,
        metadata={"help": "Number of threads; all CPUs by default. The result is the same."},
    )
    cpu_share: float | None = field(
        default=None, metadata={"help": "Fraction of the CPUs to use; 0.5 is half of them."}
    )
    disk_free: str | int | None = field(
        default="256MiB",
        metadata={"help": "Disk space to leave free where --out is.", "metavar": "SIZE"},
    )
    polite: bool = field(
        default=False, metadata={"help": "Yield to other programs on the same CPUs."}
    )
    max_time: str | float | None = field(
        default=None,
        metadata={"help": "Stop with a snapshot after 90s, 30min or 2h.", "metavar": "TIME"},
    )
    governor: str = field(
        default="act",
        metadata={
            "help": "Whether to act on pressure on the machine, or only log what it would do.",
            "choices": GOVERNORS,
        },
    )

    def __post_init__(self) -> None:
        if self.memory is not None:
            self._set("memory", _check_memory(self.memory))
        if self.threads is not None:
            self._set("threads", check_count("threads", self.threads, 1))
        if self.cpu_share is not None:
            self._set("cpu_share", _check_share("cpu_share", self.cpu_share))
        if self.disk_free is not None:
            self._set("disk_free", _check_bytes("disk_free", self.disk_free))
        self._set("polite", check_flag("polite", self.polite))
        if self.max_time is not None:
            self._set("max_time", _check_seconds("max_time", self.max_time))
        if not isinstance(self.governor, str) or self.governor not in GOVERNORS:
            shown = describe(self.governor)
            raise OptionError(
                f"governor must be 'act' or 'observe', got {shown}. "
                f"{suggestion(shown, GOVERNORS)} "
                "'observe' records and changes nothing."
            )

    def _set(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def of(cls, limits: Limits | None) -> Limits:
        """Return ``limits``, or those of the machine for None.

        Parameters
        ----------
        limits : Limits, optional
            An argument of a public function.

        Returns
        -------
        Limits
            Checked limits.

        Raises
        ------
        OptionError
            If it is of another type.
        """
        if limits is None:
            return cls()
        return check_instance("limits", limits, Limits, "Write Limits(memory='4GiB').")

    def memory_bytes(self, total: int | None) -> int | None:
        """Return the memory limit in bytes.

        Parameters
        ----------
        total : int or None
            Bytes of the machine or its container, if known.

        Returns
        -------
        int or None
            None for no limit, or for a share of an unknown total.
        """
        if total is not None:
            total = check_count("total", total, 0, MOST_BYTES)
        if isinstance(self.memory, float):
            return None if total is None else int(self.memory * total)
        assert self.memory is None or isinstance(self.memory, int)
        return self.memory

    @property
    def seconds(self) -> float:
        """``max_time`` in seconds, infinite for None."""
        return math.inf if self.max_time is None else float(self.max_time)

    @property
    def disk_bytes(self) -> int:
        """``disk_free`` in bytes, 0 for None."""
        return int(self.disk_free or 0)

    @property
    def options(self) -> list[str]:
        """Words of the command line that set these limits; none for a default.

        >>> Limits(memory="80%", max_time="1h30min", disk_free="1GiB", polite=True).options
        ['--memory', '80%', '--disk-free', '1GiB', '--polite', '--max-time', '5400s']
        """
        words = []
        defaults = Limits()
        for name, value in self.to_dict().items():
            if value is None or value == getattr(defaults, name):
                continue
            words.append(f"--{name.replace('_', '-')}")
            if value is not True:
                words.append(_format_option(name, value))
        return words

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``Limits(**limits.to_dict()) == limits``.

        Returns
        -------
        dict
            Every field by its name.
        """
        return dataclasses.asdict(self)


def format_bytes(size: float) -> str:
    """Return bytes as people read them: three digits, powers of 1024.

    Parameters
    ----------
    size : float
        Bytes.

    Returns
    -------
    str
        Such as ``"1.5 GiB"``.

    Examples
    --------
    >>> format_bytes(1.5 * 2**30), format_bytes(600 * 2**20), format_bytes(12)
    ('1.5 GiB', '600 MiB', '12 B')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 999.5:  # 1000 MiB is 0.977 GiB: never four digits
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB" if abs(size) < 999.5 else f"{size:.0f} TiB"


def _check_memory(value: str | float) -> float:
    """Return bytes as an int, or a share as a float."""
    if isinstance(value, str) and value.strip().endswith("%"):
        percent = _read_number(value.strip()[:-1])
        if not 0 < percent <= 100:
            raise OptionError(
                f"memory must be above 0 % and at most 100 %, got {describe(value)}. "
                "Write 80% or 4GiB."
            )
        return percent / 100
    if is_number(value) and read_integer(value) is None:
        return _check_share("memory", check_number("memory", value), ", or a size such as '4GiB'")
    size = _check_bytes("memory", value)
    if size < LEAST_MEMORY_BYTES:
        raise OptionError(
            f"memory must be at least 1 MiB, got {describe(value)}, which is {size} bytes. "
            "Write 4GiB or 80%."
        )
    return size


def _check_bytes(name: str, value: str | float) -> int:
    size: float | None
    if isinstance(value, str):
        size = _sum_parts(name, value, BYTE_UNITS, "600MiB or 4GiB", most_parts=1)
    else:
        size = read_integer(value)
    if size is None:
        raise OptionError(
            f"{name} must be a whole number of bytes or a text, got {describe(value)}. "
            "Write 600MiB or 4GiB."
        )
    if not 1 <= size < MOST_BYTES:
        raise OptionError(
            f"{name} must be at least a byte and below 8 million TiB, got {describe(value)}. "
            "Write 4GiB."
        )
    return int(size)


def _check_seconds(name: str, value: str | float) -> float:
    if isinstance(value, str):
        seconds = _sum_parts(name, value, SECOND_UNITS, "90s, 30min or 2h", MOST_PARTS)
    else:
        seconds = _read_number(value)
    if not 0 < seconds < math.inf:
        raise OptionError(
            f"{name} must be above 0, got {describe(value)}. Write 90s, 30min or 2h, or leave "
            "it out."
        )
    return seconds


def _check_share(name: str, value: float, other: str = "") -> float:
    share = _read_number(value)
    if not 0 < share <= 1:
        raise OptionError(
            f"{name} must be above 0 and at most 1{other}, got {describe(value)}. "
            "Use a fraction: 0.8 is 80 %."
        )
    return share


def _read_number(value: object) -> float:
    """Return a number, or NaN, which no bound lets through."""
    try:
        return float(value) if isinstance(value, str) else check_number("", value)
    except ValueError:
        return math.nan


def _sum_parts(
    name: str, text: str, units: dict[str, int], examples: str, most_parts: int
) -> float:
    """Add up the parts of a text, each a number and a unit."""
    rest = text.strip().lower()
    total = 0.0
    for _ in range(most_parts):
        part = NUMBER_WITH_UNIT.match(rest)
        if part is None:
            break
        number, unit = part.groups()
        if unit not in units:
            known = ", ".join(filter(None, units))
            raise OptionError(
                f"{name} must have one of the units {known}, got {describe(text)} with "
                f"{describe(unit)}. Write {examples}."
            )
        total += float(number) * units[unit]
        rest = rest[part.end() :]
    if rest or not text.strip():
        raise OptionError(
            f"{name} must be a number with a unit, got {describe(text)}. Write {examples}."
        )
    return total


def _format_option(name: str, value: Any) -> str:
    """Return a value as the command line reads it, without loss."""
    if name == "max_time":
        return f"{value:.15g}s"
    if name == "memory" and isinstance(value, float):
        return f"{100 * value:.15g}%"
    if name in ("memory", "disk_free"):
        return _format_exact_bytes(value)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _format_exact_bytes(size: int) -> str:
    """Return bytes in the largest unit that they are whole numbers of."""
    unit = ""
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size == 0 or size % 1024:
            break
        size //= 1024
        unit = larger
    return f"{size}{unit}"
