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


def current_identity() -> Identity:
    """The caller of the request that is being served.

    Raises PermissionError where no caller was let in: nothing is done for nobody.
    """
    user = auth_context_var.get()
    if not isinstance(user, Caller):
        raise PermissionError
    return user.who


async def served_for(identity: Identity, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The application's answer to this caller's request."""
    user = Caller(identity)
    scope["user"] = user
    token = auth_context_var.set(user)
    try:
        await app(scope, receive, send)
    finally:
        auth_context_var.reset(token)
