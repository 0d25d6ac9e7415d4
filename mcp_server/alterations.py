"""How a connector that exists is changed or deleted: it is looked up first, and no deletion goes without a yes.

The yes is the person's. Only where the client cannot ask them, the connector's name among the arguments stands for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcp_types import InputRequiredResult

from mcp_server import operations as op
from mcp_server.comparison import UpdatedConnector, compared
from mcp_server.consent import Consent, Question
from mcp_server.elicitation import Caller
from mcp_server.errands import Site
from mcp_server.errors import ApiRefused, ConnectorError
from mcp_server.fields import ALL_CREDENTIAL_FIELDS
from mcp_server.presentation import DeletedConnector, deleted, quoted, structured
from mcp_server.resources import Connector

_KEPT = "Media already imported and the files in the storage stay."
_DECLINED = "Nothing was deleted: the person was asked and did not agree. Ask them how to go on before you call again."
_FORBIDDEN = 403


async def update(site: Site, request: op.UpdateConnector, _: Caller, existing: Connector | None) -> UpdatedConnector:
    """Change it; a key that may write but not read gets no comparison.

    Raises ConnectorError, also (and then nothing was changed) when the connector cannot be looked up.
    """
    before = existing or await _readable(site, request.connector_id)
    after = await site.ask(op.UPDATE_CONNECTOR, request)
    given = request.model_dump(exclude_none=True, exclude_defaults=True)
    asked_for = {*given, *(["export_base_path"] if request.clear_export_base_path else [])}
    return compared(before, after, asked_for, rotated=any(name in given for name in ALL_CREDENTIAL_FIELDS))


async def delete(
    site: Site, request: op.DeleteConnector, caller: Caller, _: Connector | None
) -> DeletedConnector | InputRequiredResult:
    """Delete it once that is confirmed; or what the client has to do first, or that the person did not agree.

    Raises ConnectorError, also (and then nothing was deleted) when it is not confirmed.
    """
    connector = await _live(site, request.connector_id)
    if request.confirm_name is not None and request.confirm_name not in _names(site, connector):
        raise _misnamed(site, connector)
    consent = await caller.form.agreed(_question(site, connector))
    if isinstance(consent, InputRequiredResult):
        return consent
    if consent is Consent.REFUSED:
        return DeletedConnector(connector_id=request.connector_id, deleted=False, message=_DECLINED)
    if consent is not Consent.UNABLE:
        await _check(site, connector, consent)
    elif request.confirm_name is None:
        raise _needed(site, connector)
    return deleted(request, await site.ask(op.DELETE_CONNECTOR, request))


async def _live(site: Site, connector_id: str) -> Connector:
    return await site.ask(op.GET_CONNECTOR, op.GetConnector(connector_id=connector_id))


async def _readable(site: Site, connector_id: str) -> Connector | None:
    try:
        return await _live(site, connector_id)
    except ApiRefused as error:
        if error.status != _FORBIDDEN:
            raise
    return None


async def _check(site: Site, connector: Connector, consent: Consent) -> None:
    """Raises ConnectorError without a consent to what the connector is at this moment."""
    if consent is Consent.UNANSWERED:
        raise _unanswered()
    now = _question(site, await _live(site, connector.connector_id))
    if consent is Consent.OUTDATED or now.subject != _question(site, connector).subject:
        raise _changed()


def _names(site: Site, connector: Connector) -> tuple[str, ...]:
    """Its name, and what a model sees of it, also as it stands in quotes."""
    shown = str(_shown(site, connector)["name"]).strip()
    return connector.name.strip(), shown, quoted(shown)[1:-1]


def _shown(site: Site, connector: Connector) -> Mapping[str, Any]:
    """What may be shown of it to anybody: scrubbed, and nothing in it hides."""
    return structured(connector, site.scrubber)


def _question(site: Site, connector: Connector) -> Question:
    shown = _shown(site, connector)
    lines = (
        "Delete this connector for good?",
        f"Name: {quoted(shown['name'])}",
        f"Id: {shown['connector_id']}",
        f"Storage: {_storage(shown)}",
        f"{_dependents(shown)} {_KEPT}",
    )
    message = "\n".join(lines)
    subject = json.dumps([connector.connector_id, connector.name, message])
    return Question(message, "Yes, delete it", subject)


def _storage(shown: Mapping[str, Any]) -> str:
    """Where its files are; an API may leave it out."""
    provider = str(shown["provider"])
    if "container" in shown:
        return f"{provider} container {shown['container']}, account {shown.get('storage_account', 'unknown')}"
    return f"{provider} bucket {shown.get('bucket', 'unknown')}"


def _identified(shown: Mapping[str, Any]) -> str:
    """Which it is, and its name in quotes, out of which no name can get."""
    return f"{shown['connector_id']} ({_storage(shown)}) is named {quoted(shown['name'])}."


def _dependents(shown: Mapping[str, Any]) -> str:
    """What stops with it, by its scopes."""
    folder = f" to its folder {quoted(shown['export_base_path'])}" if "export_base_path" in shown else ""
    stops = {"import": "Imports from it stop.", "export": f"Exports through it{folder} stop."}
    return " ".join(stops[scope] for scope in stops if scope in shown["scopes"])


def _needed(site: Site, connector: Connector) -> ConnectorError:
    shown = _shown(site, connector)
    return ConnectorError(
        "Nothing was deleted: the person cannot be asked through this client, so a deletion needs confirm_name, the "
        f"name of the connector. {_identified(shown)}",
        hint=f"{_dependents(shown)} {_KEPT} If the person wants that, call again with confirm_name.",
        code="confirmation_needed",
    )


def _misnamed(site: Site, connector: Connector) -> ConnectorError:
    return ConnectorError(
        f"Nothing was deleted: confirm_name is not the name of the connector. {_identified(_shown(site, connector))}",
        hint="Make sure that this is the one: list_connectors tells ids and names.",
        code="confirmation_failed",
    )


def _changed() -> ConnectorError:
    return ConnectorError(
        "Nothing was deleted: the connector was changed while the person was asked about it.",
        hint="Look at it with get_connector, and call again if it is still to be deleted.",
        code="connector_changed",
    )


def _unanswered() -> ConnectorError:
    return ConnectorError(
        "Nothing was deleted: the person was asked whether the connector is to be deleted, and no answer came.",
        hint="Call again when the person is ready to answer.",
        code="confirmation_unanswered",
    )
