"""PostgreSQL from Debian's package, as a cluster of its own in a temporary folder, with a database for each test."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.emulators.processes import children, free_port

HOW_TO_GET_IT = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
READY_SECONDS = 60
ACCOUNT = "postgres"
"""Who runs it when we are root, whom PostgreSQL refuses."""
OWNER = "owner"
TEMPLATE = "prepared"
"""A database that is empty at first; what a fixture makes of it, tests copy."""
# What a crash of the machine would destroy need not last: the cluster goes with the tests.
QUICK = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


def programs() -> Path:
    """The folder of its programs. Skips the test when there is none; in CI, where CI is set, the test fails instead."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(installed[-1]) if installed else shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    if os.environ.get("CI"):
        pytest.fail(HOW_TO_GET_IT)
    pytest.skip(HOW_TO_GET_IT)


def _account() -> tuple[str, str] | tuple[None, None]:
    """The user and the group of its processes; none when they may be ours."""
    return (ACCOUNT, ACCOUNT) if os.geteuid() == 0 else (None, None)


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, ACCOUNT, ACCOUNT)


@dataclass
class Postgresql:
    """A cluster that listens on 127.0.0.1, with and without TLS."""

    folder: Path
    programs: Path
    portal: BlockingPortal
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _spare: list[str] = field(default_factory=list[str])
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls) -> Generator[Postgresql]:
        """A new cluster, which is gone afterwards."""
        where = programs()
        with tempfile.TemporaryDirectory() as folder, start_blocking_portal() as portal, ExitStack() as stack:
            cluster = cls(Path(folder), where, portal)
            cluster._make()
            cluster.start()
            stack.callback(cluster.stop)
            cluster.execute(f"CREATE DATABASE {TEMPLATE}")
            yield cluster

    def url(self, database: str, **parameters: str) -> str:
        """How the owner of a database connects to it."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{database}{'?' if query else ''}{query}"

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """The rows of the last of the statements, which are no transaction."""
        url = self.url(database, ssl="disable").replace(":", "+asyncpg:", 1)

        async def run() -> list[Any]:
            engine = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
            async with engine.connect() as connection:
                *_, last = [await connection.exec_driver_sql(statement) for statement in statements]
                return list(last) if last.returns_rows else []

        return self.portal.call(run)

    @contextmanager
    def database(self) -> Generator[str]:
        """The name of a new and empty database, which is gone afterwards."""
        name = self._created("template1")
        try:
            yield name
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def copy(self, emptied: Sequence[str]) -> Generator[str]:
        """The name of a copy of `TEMPLATE`. It costs a third of a second: it is used again once it was emptied.

        One that cannot be emptied, because its tables are not as they were, is left alone.
        """
        name = self._spare.pop() if self._spare else self._created(TEMPLATE)
        yield name
        with suppress(DBAPIError):
            self.execute("SET lock_timeout = '5s'", *emptied, database=name)
            self._spare.append(name)

    def _created(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def start(self) -> None:
        """It accepts connections afterwards."""
        options = {**QUICK, "port": str(self.port), "listen_addresses": "127.0.0.1"}
        options |= {"unix_socket_directories": str(self.folder), "ssl": "on"}
        words = [f"--{name}={value}" for name, value in options.items()]
        user, group = _account()
        self._process = process = subprocess.Popen(
            [self.programs / "postgres", "-D", self._data, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            group=group,
        )
        end = time.monotonic() + READY_SECONDS
        while not self._accepts():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start on port {self.port}")
            time.sleep(0.02)

    def stop(self, *, crash: bool = False) -> None:
        """It is gone afterwards: at once, whatever its clients do, and with `crash` without finishing anything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """To every process of the cluster, which are in as many sessions."""
        if self._process is not None:
            for each in (self._process.pid, *children(self._process.pid)):
                with suppress(ProcessLookupError):  # some processes of a cluster are short
                    os.kill(each, number)

    def wait_until_unused(self, application: str) -> None:
        """Nobody is connected afterwards who calls himself so."""
        self._wait_until(f"SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = '{application}'")  # noqa: S608

    def wait_until_somebody_waits(self) -> None:
        """For a lock that another one has."""
        self._wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    def _wait_until(self, question: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while self.execute(question) != [(True,)]:
            if time.monotonic() > end:
                raise TimeoutError(question)
            time.sleep(0.02)

    def dump(self, database: str) -> bytes:
        """All that is in the database, as SQL."""
        return self._run("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, database)

    @property
    def authority_file(self) -> Path:
        """The certificate of whoever signed the cluster's."""
        return self.folder / "authority.pem"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _accepts(self) -> bool:
        command = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _make(self) -> None:
        _give_away(self.folder)
        password = self.folder / "password"
        self._write(password, self.password.encode())
        words = ["-U", OWNER, f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
        self._run("initdb", "-D", str(self._data), *words, "--locale=C.UTF-8", "--encoding=UTF8")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority_file))
        certificate = authority.issue_cert("127.0.0.1")
        self._write(self._data / "server.key", certificate.private_key_pem.bytes())
        self._write(self._data / "server.crt", b"".join(blob.bytes() for blob in certificate.cert_chain_pems))

    def _write(self, path: Path, content: bytes) -> None:
        path.touch(mode=0o600)
        path.write_bytes(content)
        _give_away(path)

    def _run(self, program: str, *words: str) -> bytes:
        command = [str(self.programs / program), *words]
        environment = {**os.environ, "PGPASSWORD": self.password}
        user, group = _account()
        return subprocess.check_output(
            command, env=environment, user=user, group=group, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
