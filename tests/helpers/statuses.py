"""A run at one moment, for tests of what is shown of it."""

from qmac.runtime.monitoring.status import Status

STATUS = Status(
    done=500,
    size=2000,
    seconds=3.5,
    best=0.25,
    memory=300 * 2**20,
    rate=100.0,
    name="SPY",
    threads=2,
    limit=2**30,
)


MANY = {"part": 2, "parts": 500, "job_done": 0.4321, "job_left": 7200.0, "name": "X" * 200}


FULL = {"level": "pause", "reason": "disk: 57.3 MiB free, 256 MiB are to stay free; it gets better"}
