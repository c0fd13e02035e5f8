"""The sources of the kernels, in every folder of them, and their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

KERNELS = Path(__file__).parents[1]
"""The package of kernels."""


def hash_kernel_sources(directory: Path = KERNELS) -> str:
    """Hash the paths and contents of all sources below a directory.

    Snapshots of other kernels cannot be resumed, and compiled kernels of other sources are invalid,
    so a change in any folder must change this.

    Parameters
    ----------
    directory : Path
        The package of kernels.

    Returns
    -------
    str
        SHA-256, in hexadecimal digits.
    """
    digest = hashlib.sha256()
    for source in sorted(directory.rglob("*.py")):
        content = source.read_bytes()
        name = source.relative_to(directory).as_posix()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
