"""An embedded API on a folder of its own, and a client that calls it in process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from mcp_server.embedded.service import Service
from mcp_server.settings import Settings
from tests.embedded.bodies import settings_in
from tests.embedded.calling import calling


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return settings_in(data_dir)


@pytest.fixture
async def service(settings: Settings) -> AsyncGenerator[Service]:
    async with aclosing(await Service.open(settings)) as service:
        yield service


@pytest.fixture
async def api(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    async with calling(service) as api:
        yield api
