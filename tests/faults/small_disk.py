"""A disk of a few MiB that can be filled and freed: a tmpfs of its own. No test is here."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PIECE = bytes(4096)
_WHY = "A small disk can be mounted by root on Linux only."


@dataclass(frozen=True)
class SmallDisk:
    """The disk's folder; a file of ballast fills what nothing else does."""

    path: Path

    def fill(self, *, but: int = 0) -> None:
        """Nothing more can be written afterwards, or so many octets, in whole pages."""
        spare = self.path / "spare"
        spare.write_bytes(bytes(but))
        try:
            with (self.path / "ballast").open("ab", buffering=0) as ballast:
                while ballast.write(_PIECE):
                    pass
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - how it ends is what the loop waits for
        spare.unlink()

    def free(self) -> None:
        """The ballast is gone."""
        (self.path / "ballast").unlink()


@contextmanager
def small_disk(folder: Path, mib: int = 3) -> Generator[SmallDisk]:
    """The disk, unmounted afterwards. Skips the test where it cannot be had; in CI, the test fails instead."""
    path = folder / "disk"
    path.mkdir()
    umount = ["umount", "--lazy", str(path)]
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "tmpfs", str(path)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.fail(_WHY) if os.environ.get("CI") else pytest.skip(_WHY)
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(umount, check=True)
