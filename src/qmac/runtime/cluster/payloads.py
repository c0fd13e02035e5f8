"""What nodes are sent to sweep: the cells of a dataset, or numbered parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qmac._version import __version__
from qmac.engine.dataset.period import code_dtype
from qmac.engine.sweep.evaluator import Evaluator
from qmac.engine.sweep.selftest import self_test
from qmac.engine.sweep.spec import SweepSpec
from qmac.kernels.compiler.sources import hash_arithmetic
from qmac.runtime.cluster.cell_sweeper import CellSweeper, LeaseResult
from qmac.runtime.cluster.messages import Lease
from qmac.runtime.cluster.part_sweeper import PartLayout, PartResult, PartSweeper
from qmac.runtime.execution.directive import WorkerDirective
from qmac.runtime.execution.parts import PartWork


class Sweeper(Protocol):
    """Does the leases of one payload on a node."""

    @property
    def progress(self) -> tuple[int, int]:
        """Number of the current lease, and work of it that is done."""

    def work(self, lease: Lease, /) -> LeaseResult | PartResult: ...

    def start_over(self) -> None: ...

    def recall(self) -> None: ...

    def drop(self, number: int, /) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class CellProbe:
    """What the fingerprint of a node follows from, without the dataset."""

    spec: SweepSpec
    bars: int
    """Length of the series; longer ones have other kernels, without known answers."""

    def compute_fingerprint(self) -> dict[str, str]:
        """Return what must be equal on every machine that sweeps one grid.

        Returns
        -------
        dict
            Version, hash of the sources of the kernels' arithmetic, and known answers to the last
            bit.

        Raises
        ------
        InternalError
            If the kernels give wrong answers on this machine.
        """
        is_short = code_dtype(self.bars) is np.uint16
        answers = self_test(self.spec) if is_short else "not computed"
        return {"version": __version__, "kernels": hash_arithmetic(), "known answers": answers}


class Payload(Protocol):
    """What nodes are sent, once."""

    overlaps: bool
    """Whether a node begins a lease while threads end the one before."""

    @property
    def probe(self) -> CellProbe | None:
        """Computes the fingerprint of a node; None: the payload does."""

    @property
    def memory(self) -> tuple[int, int]:
        """Bytes on a node, whatever its threads, and of each thread."""

    def compute_checksum(self) -> str: ...

    def compute_fingerprint(self) -> dict[str, str]: ...

    def build_sweeper(self, threads: int, direct: Callable[[], WorkerDirective], /) -> Sweeper: ...


@dataclass(frozen=True)
class CellPayload:
    """A dataset and its spec."""

    evaluator: Evaluator
    overlaps = False

    @property
    def probe(self) -> CellProbe:
        """What the fingerprint follows from; it is smaller than the dataset."""
        return CellProbe(self.evaluator.spec, self.evaluator.dataset.bars)

    @property
    def memory(self) -> tuple[int, int]:
        """Bytes of a tally, and of a worker."""
        return self.evaluator.tally_bytes, self.evaluator.worker_bytes

    def compute_checksum(self) -> str:
        """Return the checksum of the dataset.

        Returns
        -------
        str
            SHA-256, hexadecimal.
        """
        return self.evaluator.compute_checksum()

    def compute_fingerprint(self) -> dict[str, str]:
        """Return what must be equal on every machine; see ``CellProbe``.

        Returns
        -------
        dict
            Text by what it is of.
        """
        return self.probe.compute_fingerprint()

    def build_sweeper(self, threads: int, direct: Callable[[], WorkerDirective]) -> CellSweeper:
        """Return what sweeps leases on a node.

        Parameters
        ----------
        threads : int
            Most threads.
        direct : callable
            Returns what the governor of the node says.

        Returns
        -------
        CellSweeper
            For the cells of the dataset.
        """
        return CellSweeper(self.evaluator, threads, direct)


@dataclass(frozen=True)
class PartPayload:
    """Work in numbered parts."""

    part_work: PartWork
    layout: PartLayout
    overlaps = True

    @property
    def probe(self) -> None:
        """None: the fingerprint is of what each node builds from the payload."""
        return

    @property
    def memory(self) -> tuple[int, int]:
        """Nothing whatever the threads, and the bytes of each."""
        return 0, self.part_work.thread_bytes

    def compute_checksum(self) -> str:
        """Return the checksum of the work and of its layout.

        Returns
        -------
        str
            SHA-256, hexadecimal.
        """
        text = f"{self.part_work.compute_checksum()} {self.layout.counts}"
        return hashlib.sha256(text.encode()).hexdigest()

    def compute_fingerprint(self) -> dict[str, str]:
        """Return what must be equal on every machine that does parts.

        Returns
        -------
        dict
            Text by what it is of.
        """
        return self.part_work.compute_fingerprint()

    def build_sweeper(self, threads: int, direct: Callable[[], WorkerDirective]) -> PartSweeper:
        """Return what does leases on a node.

        Parameters
        ----------
        threads : int
            Most threads.
        direct : callable
            Returns what the governor of the node says.

        Returns
        -------
        PartSweeper
            For the parts.
        """
        return PartSweeper(self.part_work, self.layout, threads, direct)
