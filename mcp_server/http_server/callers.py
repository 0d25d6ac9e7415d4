"""The caller of a request, from the HTTP request to the tool that it calls, over the SDK's own authentication context.

The SDK binds sessions and sealed state to the same caller.
"""

from __future__ import annotations

from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.http_server.identity import Identity


class Caller(AuthenticatedUser):
    """An authenticated caller as the SDK knows users; the SDK gets no key or token to hold."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(AccessToken(token="", client_id=identity.caller, scopes=sorted(identity.scopes or ())))
        self.who = identity


def current_identity() -> Identity | None:
    """The caller of the request that is being served; None where nobody is asked who they are."""
    user = auth_context_var.get()
    return user.who if isinstance(user, Caller) else None


async def served_for(identity: Identity, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The application's answer to this caller's request."""
    user = Caller(identity)
    scope["user"] = user
    token = auth_context_var.set(user)
    try:
        await app(scope, receive, send)
    finally:
        auth_context_var.reset(token)
