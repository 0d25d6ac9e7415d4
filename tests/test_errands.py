"""What a page is sent to do: asked of an API that answers what a story wants, and nothing of the secret stays."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mcp_server.comparison import UpdatedConnector
from mcp_server.credentials.tickets import Desk
from mcp_server.errors import ApiMisbehaved, ApiRefused, ApiUnreachable, ConnectorError, InvalidArguments
from mcp_server.operations import UpdateConnector
from mcp_server.presentation import CreatedConnector
from mcp_server.reception import Reception
from mcp_server.redaction import reveal
from mcp_server.tools import TOOL_BY_NAME
from tests.answering import CREATION, TYPED, Answering, Turns, creating, existing, outage, refusal, rotating
from tests.materials import CONNECTOR, made
from tests.tool_calls import backed, error_of, finished

pytestmark = pytest.mark.anyio
PASSED = {"success": True, "checked": ["list objects"]}
FAILED = {"success": False, "error_message": "AWS refused the signature."}
ACTIVE = {**CONNECTOR, "last_test_result": "success"}


# ---- what the person sees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", CREATION)
def test_the_person_is_asked_for_what_the_call_has_not(provider: str) -> None:
    errand = creating(Answering(), provider)
    assert [each.name for each in errand.fields] == list(TYPED[provider])
    assert {each.kind for each in errand.fields if "secret" in each.name} <= {"password"}
    assert all(each.label for each in errand.fields)
    known = {name: text for name, text in TYPED[provider].items() if name in ("aws_access_key_id", "tenant_id")}
    assert [each.name for each in creating(Answering(), provider, **known).fields] == [
        name for name in TYPED[provider] if name not in known
    ]


def test_a_creation_says_what_the_call_said_and_where_it_goes() -> None:
    errand = creating(Answering(), scopes=["import", "export"], export_base_path="reviews", aws_access_key_id="key-id")
    assert errand.title == "Create S3 connector"
    assert errand.facts == (
        ("Name", "Archive"),
        ("Provider", "Amazon S3"),
        ("Bucket", "media-archive"),
        ("Region", "us-east-1"),
        ("Allowed to", "import, export"),
        ("Export folder", "reviews"),
        ("Access key id", "key-id"),
        ("Sent to", "https://api.example"),
    )


@pytest.mark.parametrize(
    ("provider", "labels"),
    [("gcs", {"Bucket", "Google Cloud project"}), ("azure", {"Storage account", "Container"})],
)
def test_a_creation_of_each_provider_names_its_place(provider: str, labels: set[str]) -> None:
    facts = dict(creating(Answering(), provider).facts)
    assert set(facts) == {"Name", "Provider", "Sent to", *labels}


def test_a_rotation_says_of_which_connector_and_what_else_changes() -> None:
    one = existing(bucket="media-archive", region="us-east-1", export_base_path="reviews")
    errand = rotating(Answering(), one, name="Renamed", scopes=["export"], import_mode="new_only")
    assert errand.title == "Replace credentials"
    assert errand.facts == (
        ("Name", "Archive"),
        ("Provider", "Amazon S3"),
        ("Bucket", "media-archive"),
        ("Region", "us-east-1"),
        ("Allowed to", "import"),
        ("Export folder", "reviews"),
        ("Import mode", "all"),
        ("New name", "Renamed"),
        ("New: allowed to", "export"),
        ("New import mode", "new_only"),
        ("Sent to", "https://api.example"),
    )


@pytest.mark.parametrize(("given", "told"), [(True, True), ("yes", True), (False, False)])
def test_a_rotation_tells_of_the_folder_that_it_removes(given: object, *, told: bool) -> None:
    errand = rotating(Answering(), existing(export_base_path="reviews"), clear_export_base_path=given, name="Renamed")
    assert (("Export folder", "is removed") in errand.facts) == told


def test_credentials_of_another_provider_are_refused_before_there_is_a_page() -> None:
    with pytest.raises(InvalidArguments, match="tenant_id: this is a gcs connector"):
        rotating(Answering(), existing("gcs"), tenant_id="contoso.com")


@pytest.mark.parametrize("way", [{"rotate_credentials": True}, {"credentials": "archive"}])
async def test_a_connector_of_a_provider_that_nobody_knows_here_is_a_clear_error(way: dict[str, Any]) -> None:
    api = Answering(get_connector={**CONNECTOR, "provider": "dropbox"})
    given = {"connector_id": "conn_123", **way}
    backing = backed(api, reception=Reception(Desk(lambda: "http://127.0.0.1:9")))
    assert "internal_error" not in error_of(finished(await TOOL_BY_NAME["update_connector"].call(backing, given)))


# ---- creation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", CREATION)
async def test_what_is_typed_makes_a_connector_that_is_tested_and_read_again(provider: str) -> None:
    api = Answering(test_connector=PASSED, get_connector=ACTIVE)
    errand = creating(api, provider)
    done = await errand.send(TYPED[provider])
    assert done == "The connector was created; its access was tested and works."
    assert api.order == [CREATION[provider], "test_connector", "get_connector"]
    sent = reveal(api.asked[0][1])
    assert {name: sent[name] for name in TYPED[provider]} == TYPED[provider]
    assert sent["idempotency_key"] == errand.idempotency_key
    assert isinstance(errand.view, CreatedConnector)
    assert (errand.view.last_test_result, errand.view.note) == ("success", None)
    assert "browse_connector_files" in errand.view.next_step
    assert errand.view.idempotency_key == sent["idempotency_key"]


def test_two_errands_have_two_keys() -> None:
    keys = {creating(Answering()).idempotency_key for _ in range(9)}
    assert len(keys) == 9
    assert all(key.startswith("connector-create") for key in keys)


async def test_the_callers_own_key_is_used_and_told() -> None:
    api = Answering()
    errand = creating(api, idempotency_key="mine")
    await errand.send(TYPED["s3"])
    assert api.asked[0][1].idempotency_key == "mine"
    assert isinstance(errand.view, CreatedConnector)
    assert errand.view.idempotency_key == "mine"


CREATED = "The connector was created, but the access test failed:"
CORRECT = "Correct the credentials and send them again."
AGAIN = "Send the same again: it happens once."
REFUSALS = [ApiRefused(status, "refused", "No.", hint="Do it so.") for status in (400, 403, 409, 422)]
OUTAGES: list[ConnectorError] = [
    *(ApiRefused(status, "busy", "Busy.") for status in (429, 500, 503)),
    ApiUnreachable("It did not answer.", retryable=True),
    ApiMisbehaved("It misbehaved."),
    outage(),
]


@pytest.mark.parametrize(("errors", "same"), [(REFUSALS, False), (OUTAGES, True)])
async def test_after_an_outage_the_key_stays_and_after_a_refusal_it_is_a_new_one(
    errors: list[ConnectorError], *, same: bool
) -> None:
    for error in errors:
        api = Answering(create_s3_connector=Turns(error, CONNECTOR))
        errand = creating(api)
        refused = await refusal(errand)
        assert (refused.message, refused.keepable) == (error.message, False)
        assert refused.hint == (AGAIN if same else CORRECT)
        assert errand.view is None
        await errand.send(TYPED["s3"])
        first, second = (each.idempotency_key for each in api.requests("create_s3_connector"))
        assert (first == second) == same, error


@pytest.mark.parametrize(
    ("error", "unclear"),
    [*((each, False) for each in REFUSALS), (OUTAGES[0], False), *((e, True) for e in OUTAGES[1:])],
)
async def test_what_the_api_did_not_confirm_may_have_happened(error: ConnectorError, *, unclear: bool) -> None:
    errand = creating(Answering(create_s3_connector=error))
    await refusal(errand)
    assert errand.is_unclear == unclear


async def test_what_was_unclear_is_clear_again_when_the_same_is_sent_once_more() -> None:
    errand = creating(Answering(create_s3_connector=Turns(outage(), CONNECTOR)))
    await refusal(errand)
    await errand.send(TYPED["s3"])
    assert not errand.is_unclear


async def test_a_key_that_was_used_stays_and_the_person_is_sent_to_look() -> None:
    used = ApiRefused(422, "idempotency_key_reused", "This idempotency key was used before.", hint="Use a new key.")
    errand = creating(Answering(create_s3_connector=Turns(outage(), used)))
    await refusal(errand)
    key = errand.idempotency_key
    refused = await refusal(errand)
    assert "An earlier sending may have done it" in refused.message
    assert "your assistant" in refused.hint
    assert (errand.idempotency_key, errand.is_unclear) == (key, True)


async def test_a_failed_test_can_be_corrected_in_the_same_connector() -> None:
    api = Answering(test_connector=Turns(FAILED, PASSED), update_connector={**CONNECTOR, "name": "Archive"})
    errand = creating(api, aws_access_key_id="known-key-id", name="Archive")
    refused = await refusal(errand)
    told = (refused.message, refused.keepable, errand.title)
    assert told == (f"{CREATED} AWS refused the signature.", True, "Correct the credentials")
    done = await errand.send({"aws_secret_access_key": (corrected := made("corrected"))})
    assert done == "The connector was created; its access was tested and works."
    assert api.order == [
        *("create_s3_connector", "test_connector", "get_connector"),
        *("update_connector", "test_connector", "get_connector"),
    ]
    (update,) = api.requests("update_connector")
    assert isinstance(update, UpdateConnector)
    assert {name: value for name, value in reveal(update).items() if value} == {
        "connector_id": "conn_123",
        "aws_access_key_id": "known-key-id",
        "aws_secret_access_key": corrected,
    }


async def test_what_failed_its_test_may_be_kept_and_is_told_as_it_is() -> None:
    api = Answering(test_connector=FAILED, get_connector={**CONNECTOR, "status": "failed"})
    errand = creating(api)
    await refusal(errand)
    assert await errand.keep() == "The connector was created; its access test failed."
    assert isinstance(errand.view, CreatedConnector)
    assert errand.view.status == "failed"
    assert "Its access test failed. Do what the error says" in errand.view.next_step


async def test_a_failed_test_that_says_nothing_is_said_to_have_failed() -> None:
    refused = await refusal(creating(Answering(test_connector={"success": False})))
    assert refused.message == f"{CREATED} no reason was given."


@pytest.mark.parametrize("step", ["test_connector", "get_connector"])
async def test_a_test_that_cannot_be_made_does_not_undo_the_connector(
    step: str, caplog: pytest.LogCaptureFixture
) -> None:
    errand = creating(Answering(**{step: outage()}))
    with caplog.at_level(logging.WARNING):
        done = await errand.send(TYPED["s3"])
    assert done.startswith("The connector was created; it")
    assert isinstance(errand.view, CreatedConnector)
    assert "could not be tested" in caplog.text
    assert ("it was not tested" in done) == ("Call test_connector" in errand.view.next_step) == (step[0] == "t")


async def test_a_correction_that_is_refused_leaves_what_can_be_kept() -> None:
    api = Answering(test_connector=FAILED, update_connector=outage())
    errand = creating(api)
    await refusal(errand)
    refused = await refusal(errand)
    assert (refused.message, refused.keepable) == (outage().message, True)
    assert await errand.keep() == "The connector was created; its access test failed."


# ---- rotation ----------------------------------------------------------------------------------------------------


async def test_new_credentials_go_with_what_else_the_call_changes_each_time() -> None:
    api = Answering(test_connector=Turns(FAILED, PASSED), get_connector=ACTIVE)
    errand = rotating(api, name="Renamed")
    assert (await refusal(errand)).keepable
    done = await errand.send(TYPED["s3"])
    assert done == "The new credentials replaced the old ones; its access was tested and works."
    updates = [reveal(request) for request in api.requests("update_connector")]
    assert len(updates) == 2
    assert all({**TYPED["s3"], "name": "Renamed"}.items() <= update.items() for update in updates)
    assert isinstance(errand.view, UpdatedConnector)
    assert errand.view.last_test_result == "success"


async def test_new_credentials_that_are_refused_change_nothing() -> None:
    errand = rotating(Answering(update_connector=REFUSALS[0]))
    assert not (await refusal(errand)).keepable
    assert errand.view is None


# ---- refusals in the page's words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "typed", "said"),
    [
        ("s3", {"aws_secret_access_key": "short"}, "Secret access key must have at least 8 characters."),
        ("s3", {"aws_access_key_id": "no key id"}, "Access key id must be an access key id:"),
        ("gcs", {"credentials_json": "{}"}, "Service-account key must be a service-account key:"),
        ("gcs", {"credentials_json": "no JSON"}, "Service-account key must be a service-account key: it is not valid"),
        ("azure", {"tenant_id": "!", "client_id": "?"}, "Tenant id must be a tenant UUID or a domain name; Client id"),
        ("azure", {"client_secret": ""}, "Client secret is required"),
    ],
)
async def test_a_wrong_value_is_named_by_its_label(provider: str, typed: dict[str, str], said: str) -> None:
    api = Answering()
    refused = await refusal(creating(api, provider), **typed)
    assert refused.message.startswith(said)
    assert refused.fields == tuple(typed)
    assert not [value for value in typed.values() if len(value) > 4 and value in f"{refused.message} {refused.hint}"]
    assert api.asked == []


async def test_a_rule_about_another_field_is_told_by_the_name_of_that_field() -> None:
    refused = await refusal(creating(Answering()), unknown="x")
    assert refused.message.startswith("unknown is not an argument")
    assert refused.fields == ()
