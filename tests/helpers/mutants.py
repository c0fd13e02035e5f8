"""Damaged copies of a file, as disks and downloads make them; the same for a seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

NUMBERS = (b"0", b"-1", b"1e308", b"nan", b"2147483648", b"18446744073709551615", b"9" * 40, b"")
LONGEST_PART = 64
"""Bytes of an insertion, and of most parts that are moved."""


class Mutant(NamedTuple):
    """A damaged copy, never equal to the good one."""

    name: str
    """What was done and where, for the message of a test that fails."""
    content: bytes


def mutants(content: bytes, count: int, seed: int = 0) -> Iterator[Mutant]:
    """Yield damaged copies of a file's content, every kind of damage in turn."""
    random, kinds = Random(seed), list(DAMAGES.items())
    attempts = yielded = 0
    while yielded < count:
        kind, damage = kinds[attempts % len(kinds)]
        attempts += 1
        begin = random.randrange(len(content))
        damaged = damage(content, begin, random)
        if damaged != content:
            yielded += 1
            yield Mutant(f"{yielded}: {kind} at {begin}", damaged)


def _end(content: bytes, begin: int, random: Random) -> int:
    """Return the end of a part: mostly a short one, in one of eight cases up to the whole rest."""
    longest = len(content) - begin
    if random.randrange(8):
        longest = min(longest, LONGEST_PART)
    return begin + random.randint(1, longest)


def _flip(content: bytes, begin: int, random: Random) -> bytes:
    damaged = bytearray(content)
    for place in [begin, *random.choices(range(len(content)), k=random.randrange(3))]:
        damaged[place] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _cut(content: bytes, begin: int, random: Random) -> bytes:
    del random
    return content[:begin]


def _behead(content: bytes, begin: int, random: Random) -> bytes:
    del random
    return content[begin + 1 :]


def _insert(content: bytes, begin: int, random: Random) -> bytes:
    return content[:begin] + random.randbytes(random.randint(1, LONGEST_PART)) + content[begin:]


def _drop(content: bytes, begin: int, random: Random) -> bytes:
    return content[:begin] + content[_end(content, begin, random) :]


def _double(content: bytes, begin: int, random: Random) -> bytes:
    end = _end(content, begin, random)
    return content[:end] + content[begin:]


def _clear(content: bytes, begin: int, random: Random) -> bytes:
    end = _end(content, begin, random)
    return content[:begin] + bytes(end - begin) + content[end:]


def _swap(content: bytes, begin: int, random: Random) -> bytes:
    """Exchange two blocks of one size."""
    size = random.randint(1, max(len(content) // 4, 1))
    first, second = sorted(random.randrange(max(len(content) - size, 1)) for _ in range(2))
    del begin
    second = max(second, first + size)
    parts = (
        content[:first],
        content[second : second + size],
        content[first + size : second],
        content[first : first + size],
        content[second + size :],
    )
    return b"".join(parts)


def _replace_number(content: bytes, begin: int, random: Random) -> bytes:
    """Replace the next number that is written in digits, or else four bytes, by an extreme one."""
    digits = re.compile(rb"[0-9.]+").search(content, begin)
    if digits is not None and random.randrange(2):
        return content[: digits.start()] + random.choice(NUMBERS) + content[digits.end() :]
    number = random.choice((0, 1, -1, 2**31 - 1, -(2**31), random.randrange(2**31)))
    return content[:begin] + number.to_bytes(4, "little", signed=True) + content[begin + 4 :]


DAMAGES: dict[str, Callable[[bytes, int, Random], bytes]] = {
    "flipped bits": _flip,
    "cut": _cut,
    "insertion": _insert,
    "dropped part": _drop,
    "doubled part": _double,
    "zeros": _clear,
    "swapped blocks": _swap,
    "number": _replace_number,
    "lost beginning": _behead,
}
