"""Requests of clients that want to hear of changes, in both eras, within what their callers may read."""

from __future__ import annotations

from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from mcp_server import connector_resources
from mcp_server import operations as op
from mcp_server.changes import MAX_STREAMS_A_CALLER, THEIR_LIST
from mcp_server.sessions import MAX_URIS, Listener
from mcp_server.tools import Backing


def listed(backing: Backing, listener: Listener | None) -> None:
    """Who has listed resources hears when the list changes; a client without a session asks for that elsewhere."""
    if listener is not None and backing.authority.allows(op.LIST_CONNECTORS):
        listener.join(backing.changes, backing.account)
        listener.hear_of_lists()


def subscribe(backing: Backing, listener: Listener | None, uri: str) -> None:
    """Begin to tell a session of changes of a resource.

    Raises MCPError for what is no resource of a connector, or not for this caller, and when there are too many.
    """
    connector_resources.check(backing, uri)
    if listener is None:
        raise MCPError(INVALID_REQUEST, "Send notifications/initialized before you subscribe.")
    listener.join(backing.changes, backing.account)
    listener.hear_of(uri)
    listed(backing, listener)


async def listen(
    backing: Backing, context: ServerRequestContext[Any], params: SubscriptionsListenRequestParams
) -> SubscriptionsListenResult:
    """A stream of 2026-07-28, until its client or this server ends it; it says first what of the wanted it will tell.

    Raises MCPError when there are too many, and when this server is about to end.
    """
    if backing.changes.is_over:
        raise MCPError(INTERNAL_ERROR, "This server ends. Listen again to the one that comes after it.")
    notifications = _granted(backing, params.notifications)
    granted = params.model_copy(update={"notifications": notifications})
    wanted = [*(notifications.resource_subscriptions or []), *[THEIR_LIST] * bool(notifications.resources_list_changed)]
    with backing.changes.heard(backing.account) as audience, audience.place_of(backing.caller, wanted) as has_place:
        if not has_place:
            raise MCPError(
                INVALID_REQUEST, f"You have {MAX_STREAMS_A_CALLER} listening streams: end one of them first."
            )
        return await audience.streams(context, granted)


def _granted(backing: Backing, wanted: SubscriptionFilter) -> SubscriptionFilter:
    """What there is to tell, and this caller may hear."""
    uris = wanted.resource_subscriptions or []
    if len(uris) > MAX_URIS:
        raise MCPError(INVALID_PARAMS, f"A stream may subscribe to {MAX_URIS} resources.")
    of_lists = wanted.resources_list_changed and backing.authority.allows(op.LIST_CONNECTORS)
    return SubscriptionFilter(
        resources_list_changed=of_lists or None, resource_subscriptions=[uri for uri in uris if _is_for(backing, uri)]
    )


def _is_for(backing: Backing, uri: str) -> bool:
    try:
        connector_resources.check(backing, uri)
    except MCPError:
        return False
    return True
