"""What a run may use of the machine, checked once at the border and frozen."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Any

from qmac._checks import check_count
from qmac.errors import OptionError, suggestion

GOVERNORS = ("act", "observe")
LEAST_MEMORY = 2**20  # bytes; less is a forgotten unit, not a wish
_BYTES = {"": 1, "b": 1}
for _power, _letter in enumerate(
    "kmgt", 1
):  # GB is the decimal one, G is what docker and systemd mean by it
    _BYTES |= {_letter: 1024**_power, f"{_letter}ib": 1024**_power, f"{_letter}b": 1000**_power}
_SECONDS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_NUMBER = re.compile(r"([0-9]*\.?[0-9]+)\s*([a-z]*)\s*")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a run may use. Every limit can be left out; the run then keeps to those of the machine.

    Parameters
    ----------
    memory : of this process and its children: text with a unit (``"4GiB"``), bytes as an int, or a share of what
        the machine or its container has (``"80%"``, or a float in (0, 1]). Kept as an int of bytes or a float.
    threads : most that compute at once; None for all that the run was started with.
    cpu_share : share of the CPUs that may be used, in (0, 1].
    disk_free : what is left free where the run is kept: text with a unit or bytes; None for not looking.
    polite : whether threads make way for other programs on the same CPUs.
    max_time : when the run stops with a snapshot: text with a unit (``"2h"``, ``"1h30min"``) or seconds.
    governor : ``"act"``, or ``"observe"``, which writes down what it would have done.

    Raises
    ------
    OptionError : a value outside these bounds.

    Examples
    --------
    >>> limits = Limits(memory="80%", max_time="30min")
    >>> limits.memory, limits.memory_bytes(1000), limits.max_time, limits.disk_free
    (0.8, 800, 1800.0, 268435456)
    >>> Limits(memory="120%")
    Traceback (most recent call last):
    ...
    qmac.errors.OptionError: memory is '120%', but must be above 0 % and at most 100 %: write 80% or 4GiB.
    """

    memory: str | float | None = field(
        default=None, metadata={"help": "Memory limit of the run, such as 4GiB or 80%."}
    )
    threads: int | None = field(
        default=None,
        metadata={"help": "Number of threads; all CPUs by default. The result is the same."},
    )
    cpu_share: float | None = field(
        default=None, metadata={"help": "Fraction of the CPUs to use; 0.5 is half of them."}
    )
    disk_free: str | int | None = field(
        default="256MiB", metadata={"help": "Disk space to leave free where --out is."}
    )
    polite: bool = field(
        default=False, metadata={"help": "Yield to other programs on the same CPUs."}
    )
    max_time: str | float | None = field(
        default=None, metadata={"help": "Stop with a snapshot after 90s, 30min or 2h."}
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
            self._set("memory", _memory(self.memory))
        if self.threads is not None:
            self._set("threads", check_count("threads", self.threads, 1))
        if self.cpu_share is not None:
            self._set("cpu_share", _share("cpu_share", self.cpu_share))
        if self.disk_free is not None:
            self._set("disk_free", _quantity("disk_free", self.disk_free))
        if not isinstance(self.polite, bool):
            raise OptionError(f"polite is {self.polite!r}, but must be True or False.")
        if self.max_time is not None:
            self._set("max_time", _seconds("max_time", self.max_time))
        if self.governor not in GOVERNORS:
            raise OptionError(
                f"governor {self.governor!r} is not known. {suggestion(str(self.governor), GOVERNORS)} "
                "'observe' records and leaves the run alone."
            )

    def _set(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def of(cls, limits: Limits | None) -> Limits:
        """The limits, or those of the machine for None."""
        if limits is not None and not isinstance(limits, Limits):
            raise OptionError(
                f"limits are a {type(limits).__name__}, but must be qmac.Limits, such as Limits(memory='4GiB')."
            )
        return limits or cls()

    def memory_bytes(self, total: int | None) -> int | None:
        """The memory limit in bytes where ``total`` bytes are there; None for no limit, or a share of nothing known."""
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
        """The words that ask for the same on the command line; none for what is so anyway.

        >>> Limits(memory="80%", max_time="1h30min", disk_free="1GiB", polite=True).options
        ['--memory', '80%', '--disk-free', '1GiB', '--polite', '--max-time', '5400s']
        """
        words, usual = [], Limits()
        for name, value in self.to_dict().items():
            if value == getattr(usual, name) or value is None:
                continue
            words.append(f"--{name.replace('_', '-')}")
            if name == "max_time":
                words.append(f"{value:.15g}s")
            elif name == "memory" and isinstance(value, float):
                words.append(f"{100 * value:.15g}%")
            elif name in ("memory", "disk_free"):
                words.append(_whole(value))
            elif value is not True:
                words.append(f"{value:.15g}" if isinstance(value, float) else str(value))
        return words

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``Limits(**limits.to_dict()) == limits``."""
        return dataclasses.asdict(self)


def parse_bytes(text: str) -> int:
    """Bytes of a text such as ``"4GiB"``, ``"1.5 GB"`` or ``"512M"``.

    KiB, MiB, GiB, TiB and K, M, G, T are powers of 1024; KB, MB, GB, TB are powers of 1000; no unit is bytes.

    Raises
    ------
    OptionError : another unit, no number, or less than a byte.

    Examples
    --------
    >>> parse_bytes("1.5KiB"), parse_bytes("2 kb"), parse_bytes("700")
    (1536, 2000, 700)
    """
    return _quantity("size", text)


def parse_seconds(text: str) -> float:
    """Seconds of a text such as ``"90s"``, ``"30min"``, ``"2h"`` or ``"1h30min"``; no unit is seconds.

    Raises
    ------
    OptionError : another unit, no number, or no time at all.

    Examples
    --------
    >>> parse_seconds("90"), parse_seconds("1h 30min")
    (90.0, 5400.0)
    """
    return _seconds("time", text)


def format_bytes(n: float) -> str:
    """Bytes as people read them: three digits, powers of 1024.

    >>> format_bytes(1.5 * 2**30), format_bytes(600 * 2**20), format_bytes(12)
    ('1.5 GiB', '600 MiB', '12 B')
    """
    size = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 999.5:  # 1000 MiB is 0.977 GiB: never four digits
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} TiB" if abs(size) < 999.5 else f"{size:.0f} TiB"


def _memory(value: str | float) -> float:
    """Bytes as an int, or a share as a float."""
    if isinstance(value, str) and value.strip().endswith("%"):
        number = _float(value.strip()[:-1])
        if not 0 < number <= 100:
            raise OptionError(
                f"memory is {value!r}, but must be above 0 % and at most 100 %: write 80% or 4GiB."
            )
        return number / 100
    if isinstance(value, float):
        return _share("memory", value, ", or a size such as '4GiB'")
    size = _quantity("memory", value)
    if size < LEAST_MEMORY:
        raise OptionError(
            f"memory is {value!r}, that is {size} bytes, but must be at least 1 MiB: write 4GiB or 80%."
        )
    return size


def _quantity(name: str, value: str | float) -> int:
    if isinstance(value, bool) or not (isinstance(value, str) or hasattr(value, "__index__")):
        raise OptionError(
            f"{name} is {value!r}, but must be a whole number of bytes or a text: write 600MiB or 4GiB."
        )
    size = _sum(name, value, _BYTES, "600MiB or 4GiB", parts=1) if isinstance(value, str) else value
    if not 1 <= size < 2**63:
        raise OptionError(
            f"{name} is {value!r}, but must be at least a byte and below 8 million TiB: write 4GiB."
        )
    return int(size)


def _seconds(name: str, value: str | float) -> float:
    seconds = (
        _sum(name, value, _SECONDS, "90s, 30min or 2h") if isinstance(value, str) else _float(value)
    )
    if not 0 < seconds < math.inf:
        raise OptionError(
            f"{name} is {value!r}, but must be above 0: write 90s, 30min or 2h, or leave it out."
        )
    return seconds


def _share(name: str, value: float, other: str = "") -> float:
    number = _float(value)
    if not 0 < number <= 1:
        raise OptionError(
            f"{name} is {value!r}, but must be above 0 and at most 1: it is a share, 0.8 is 80 %{other}."
        )
    return number


def _float(value: object) -> float:
    """A number, or NaN, which no bound lets through."""
    try:
        return math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _sum(name: str, text: str, units: dict[str, int], examples: str, parts: int = 3) -> float:
    """The parts of a text, each a number and a unit, added up."""
    rest, total = text.strip().lower(), 0.0
    for _ in range(parts):
        if (part := _NUMBER.match(rest)) is None:
            break
        if part[2] not in units:
            known = ", ".join(unit for unit in units if unit)
            raise OptionError(
                f"{name} is {text!r}, but the unit {part[2]!r} is not known: {known}. Write {examples}."
            )
        total, rest = total + float(part[1]) * units[part[2]], rest[part.end() :]
    if rest or not text.strip():
        raise OptionError(
            f"{name} is {text!r}, but must be a number with a unit: write {examples}."
        )
    return total


def _whole(count: int) -> str:
    """Bytes in the largest unit that they are whole numbers of."""
    power = next((power for power in (4, 3, 2, 1) if count and count % 1024**power == 0), 0)
    return f"{count // 1024**power}{('', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
