"""The executor that sweeps on a Ray cluster."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Self

from qmac._checks import check_count, check_flag
from qmac.errors import OptionError
from qmac.runtime.cluster.driver import ClusterExecutor, Nodes
from qmac.runtime.cluster.head import check_address
from qmac.runtime.cluster.messages import Settings
from qmac.runtime.cluster.ray_client import RayClient
from qmac.runtime.resources.limits import Limits


class RayExecutor(ClusterExecutor):
    """Sweeps on the nodes of a Ray cluster; the digest is the same as on threads.

    Ray is loaded in a process of its own, which joins the cluster.

    Parameters
    ----------
    address : str, optional
        Address of a running cluster, ``"auto"`` or ``"HOST:PORT"``. By default Ray is started on
        this machine, and ends with ``close``; or it is the cluster that this process has joined.
    threads : int, optional
        Threads of each node, all of its CPUs by default.
    limits : Limits, optional
        Limits of each node, read there.
    dashboard : bool, default False
        Whether a Ray that is started here shows its dashboard.

    Raises
    ------
    OptionError
        If no cluster answers at the address, or Ray is not installed.

    Examples
    --------
    >>> import qmac
    >>> prices, grid = qmac.sample_prices(), qmac.Grid(windows=range(2, 253))
    >>> with qmac.RayExecutor() as executor:  # doctest: +SKIP
    ...     result = qmac.optimize(prices, grid, executor=executor)
    """

    def __init__(
        self,
        address: str | None = None,
        threads: int | None = None,
        limits: Limits | None = None,
        *,
        dashboard: bool = False,
    ) -> None:
        if find_spec("ray") is None:
            raise OptionError("Ray is not installed. Install it: pip install 'qmac[ray]'")
        check_address(address)
        self.address = address
        self.dashboard = check_flag("dashboard", dashboard)
        self.options = ["--executor", "ray"]
        if address:
            self.options += ["--ray-address", address]
        if threads is not None:
            threads = check_count("threads", threads, 1)
        self._limits, self._threads = Limits.of(limits), threads
        self._client: RayClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def nodes(self) -> Nodes:
        """Return the nodes of the cluster, which is joined first.

        Returns
        -------
        Nodes
            They stay from one dataset to the next.
        """
        return self._connected()

    def close(self) -> None:
        """End the actors, and the Ray that was started here."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def connect(self) -> None:
        """Join the cluster, or start one; a cluster that this process has joined already is used.

        Raises
        ------
        OptionError
            If there is none to join, or this process is in another cluster.
        """
        self._connected()

    def _connected(self) -> RayClient:
        """Return the client; a new one if its cluster was lost."""
        if self._client is not None and not self._client.is_alive:
            self.close()
        if self._client is None:
            address = self._choose_address()
            settings = Settings(address, self.dashboard, self._limits, self._threads)
            self._client = RayClient(settings)
        return self._client

    def _choose_address(self) -> str | None:
        """Return the address, or that of the cluster in which this process is, as in a notebook."""
        ray = sys.modules.get("ray")
        if ray is None or not ray.is_initialized():
            return self.address
        current: str = ray.get_runtime_context().gcs_address
        if self.address not in (None, "auto", current):
            raise OptionError(
                f"this process is in the Ray cluster at {current}, not in that at "
                f"{self.address}. Leave it first."
            )
        return current
