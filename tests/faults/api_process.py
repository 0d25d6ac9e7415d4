"""The Connectors API as a process at an address that lasts: killed, it is started there again. No test is here."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mcp_server.embedded.administration import create_api_key
from mcp_server.settings import load
from tests.emulators.processes import free_port
from tests.http_server.serving import Served, started
from tests.sessions import COMMAND, DATA_DIR, environment


async def new_key(settings: Mapping[str, str], name: str, *scopes: str) -> str:
    """An API key that the operator makes."""
    (key,) = [line async for line in create_api_key(load({}, settings), name, scopes)]
    return key


@dataclass
class ApiProcess:
    """`python -m mcp_server api` with these settings, on a port of its own."""

    folder: Path
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    _served: Served | None = None

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def served(self) -> Served:
        """The process that runs."""
        assert self._served is not None
        return self._served

    def client_settings(self, key: str) -> dict[str, str]:
        """The environment of a server that uses this API with this key."""
        return {"VIDEOVECTOR_BASE_URL": f"{self.url}/api/v2", "VIDEOVECTOR_API_KEY": key}

    def start(self) -> None:
        """It answers afterwards."""
        errors = self.folder / f"api-{self.port}.txt"
        command = [*COMMAND, "api", "--port", str(self.port)]
        with errors.open("ab") as sink:
            process = subprocess.Popen(
                command, env=environment(self.settings), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
        self._served = Served(self.url, process, errors)
        started(self._served)

    def kill(self) -> None:
        """It is gone afterwards, without a chance to finish anything."""
        if self._served is not None:
            self._served.process.kill()
            self._served.process.wait()


@contextmanager
def api_process(folder: Path, settings: Mapping[str, str] | None = None) -> Generator[ApiProcess]:
    """The API, started; its data folder is in the folder unless the settings name another."""
    api = ApiProcess(folder, {DATA_DIR: str(folder / "data"), **(settings or {})})
    try:
        api.start()
        yield api
    finally:
        api.kill()
