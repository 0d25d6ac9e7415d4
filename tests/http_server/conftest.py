"""An issuer for each module of tests, and its tokens shown to what checks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.http_server.issuing import Issuer, issuing, plain_client
from tests.http_server.presenting import Scene


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
async def presented(issuer: Issuer) -> AsyncIterator[Scene]:
    async with plain_client() as http:
        yield Scene(issuer, http)
