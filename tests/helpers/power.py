"""A disk whose power is cut: ext4 on a loop device, shut down without its log."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess

import pytest

EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
MIB = 2**20


class PowerDisk:
    """An ext4 file system in a file, mounted at ``place``."""

    def __init__(self, image, place):
        self.image, self.place = image, place

    def mount(self):
        return subprocess.run(
            ["mount", "-o", "loop", self.image, self.place], capture_output=True, text=True
        )

    def cut(self):
        """Lose all that is not on the disk yet; then mount it again, as a machine that restarts."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def restart(self):
        subprocess.run(["umount", self.place], check=True, capture_output=True)
        done = self.mount()
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def power_disk(folder, mebibytes=64):
    """A disk of which the power can be cut; skips where this process may not mount one."""
    if shutil.which("mkfs.ext4") is None or shutil.which("mount") is None:
        pytest.skip("no ext4 on this machine")
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(mebibytes * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    disk = PowerDisk(image, place)
    done = disk.mount()
    if done.returncode:
        pytest.skip(f"this process may not mount: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)
