"""Nothing of a secret that went through an errand stays in it, and nothing of it is told to anybody."""

from __future__ import annotations

import logging

import pytest

from mcp_server.errands import ConnectorErrand
from mcp_server.errors import ApiRefused, ApiUnreachable, ConnectorError
from mcp_server.redaction import scrub_active
from tests.answering import (
    CREATION,
    PERSONS_SECRET,
    TYPED,
    Answering,
    Turns,
    creating,
    existing,
    outage,
    refusal,
    rotating,
    site,
)
from tests.materials import API_KEY, CONNECTOR, pem
from tests.tool_calls import backed

pytestmark = pytest.mark.anyio
PASSED = {"success": True, "checked": ["list objects"]}
FAILED = {"success": False, "error_message": "AWS refused the signature."}
SECRETS = {"gcs": pem().split("\n")[2], "s3": PERSONS_SECRET, "azure": PERSONS_SECRET}


def everything(errand: ConnectorErrand, *more: object) -> str:
    """All that can be seen of an errand, from outside and inside."""
    inside = [str(each) for each in (vars(errand), vars(errand.draft), errand.connector, errand.test, errand.view)]
    return " ".join([repr(errand), str(errand), repr(errand.draft), *inside, *map(repr, more)])


@pytest.mark.parametrize("provider", CREATION)
async def test_no_secret_stays_in_an_errand(provider: str) -> None:
    errand = creating(Answering(test_connector=Turns(FAILED, PASSED)), provider)
    refused = await refusal(errand)
    await errand.send(TYPED[provider])
    assert SECRETS[provider][:12] not in everything(errand, refused, vars(refused))
    assert scrub_active(PERSONS_SECRET) == PERSONS_SECRET


@pytest.mark.parametrize("provider", CREATION)
async def test_a_secret_that_an_api_echoes_is_not_shown_to_the_person(provider: str) -> None:
    secret = SECRETS[provider]
    errors = (ApiRefused(400, "c", f"m {secret}", hint=f"h {secret}"), ApiUnreachable(f"u {secret} {API_KEY}"))
    for error in errors:
        refused = await refusal(creating(Answering(**{CREATION[provider]: error}), provider, API_KEY))
        assert not [each for each in (secret[:12], API_KEY) if each in f"{refused.message} {refused.hint}"]
    failed = {"success": False, "error_message": f"denied: {secret} {API_KEY}"}
    refused = await refusal(creating(Answering(test_connector=failed), provider, API_KEY))
    assert "denied: [redacted" in refused.message
    assert not [each for each in (secret[:12], API_KEY) if each in refused.message]


@pytest.mark.parametrize("provider", CREATION)
async def test_a_secret_that_an_api_echoes_in_the_connector_is_not_kept_for_the_model(provider: str) -> None:
    secret = SECRETS[provider]
    echo = {**CONNECTOR, "last_test_error": f"denied: {secret}", "name": f"is {secret}"}
    for errand in (
        creating(Answering(get_connector=echo), provider),
        creating(Answering(test_connector=outage(), **{CREATION[provider]: echo}), provider),
        rotating(Answering(get_connector=echo), existing(provider)),
    ):
        await errand.send(TYPED[provider])
        assert secret[:12] not in everything(errand)


async def test_a_secret_that_a_failed_test_echoes_is_not_kept_either() -> None:
    failed = {"success": False, "error_message": f"denied: {PERSONS_SECRET}", "checked": [PERSONS_SECRET]}
    errand = creating(Answering(test_connector=failed))
    await refusal(errand)
    assert PERSONS_SECRET[:12] not in everything(errand)


async def test_the_log_of_a_test_that_cannot_be_made_can_be_scrubbed_while_it_is_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(scrub_active(record.getMessage()))

    keeper = Keeper()
    logging.getLogger("mcp_server.errands").addHandler(keeper)
    await creating(Answering(test_connector=ConnectorError(f"no: {PERSONS_SECRET}"))).send(TYPED["s3"])
    logging.getLogger("mcp_server.errands").removeHandler(keeper)
    assert len(lines) == 1
    assert PERSONS_SECRET[:12] not in lines[0]


def test_a_site_does_not_print_the_servers_own_secrets() -> None:
    one = site(Answering(), API_KEY)
    assert API_KEY not in f"{one} {one!r} {backed(Answering(), API_KEY)!r}"
