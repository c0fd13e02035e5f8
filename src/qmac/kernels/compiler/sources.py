"""The sources of the kernels, in every folder of them, and their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

KERNELS = Path(__file__).parents[1]
"""The package of kernels."""
WITHOUT_ARITHMETIC = frozenset({"compiler/cache.py", "compiler/sources.py"})
"""Files that store and name machine code, so that no bit of an answer follows from them."""


def hash_kernel_sources(directory: Path = KERNELS, leave_out: frozenset[str] = frozenset()) -> str:
    """Hash the paths and contents of all sources below a directory.

    Compiled kernels of other sources are invalid, so a change in any folder must change this.

    Parameters
    ----------
    directory : Path
        The package of kernels.
    leave_out : frozenset of str
        Paths in it that are not hashed.

    Returns
    -------
    str
        SHA-256, in hexadecimal digits.
    """
    digest = hashlib.sha256()
    for source in sorted(directory.rglob("*.py")):
        name = source.relative_to(directory).as_posix()
        if name in leave_out:
            continue
        content = source.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def hash_arithmetic(directory: Path = KERNELS) -> str:
    """Hash the sources that an answer follows from.

    A run is resumed, and a node joins it, only where these are the same: a fix of the cache must
    not cost the work of a run that was begun before it.

    Parameters
    ----------
    directory : Path
        The package of kernels.

    Returns
    -------
    str
        SHA-256, in hexadecimal digits.
    """
    return hash_kernel_sources(directory, WITHOUT_ARITHMETIC)
