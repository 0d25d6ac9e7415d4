"""The pages without a form: why a request was turned away, in words for the person whose browser sent it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mcp_server.credentials.tickets import State


@dataclass(frozen=True)
class Notice:
    """One such page. It tells nothing that the request did not know. `again`: the browser is to come once more."""

    heading: str
    text: str
    again: bool = False


class TurnedAway(Exception):
    """A request that is answered with a status and a notice, and changes nothing."""

    def __init__(self, status: int, notice: Notice) -> None:
        super().__init__(notice.heading)
        self.status = status
        self.notice = notice


_ASK_AGAIN = "Go back to your assistant and ask again."
OVER: Mapping[State, Notice] = MappingProxyType(
    {
        "done": Notice("This link was used", "It works once. Go back to your assistant."),
        "expired": Notice("This link has expired", _ASK_AGAIN),
        "withdrawn": Notice("This request was withdrawn", _ASK_AGAIN),
        "spent": Notice("This was tried too often", _ASK_AGAIN),
    }
)
UNKNOWN = Notice("There is no such page", f"Open the whole link that your assistant gave you. Or: {_ASK_AGAIN}")
OTHER_BROWSER = Notice(
    "This link was opened in another browser",
    "It works only where it was opened first, with cookies allowed. Was that not you?"
    " Go back to your assistant and ask again: you get a new link.",
)
IN_USE = replace(OTHER_BROWSER, text="It works only where it was opened first. Go on there.")
# A link on another site brings no strict cookie along; coming from this page, the browser brings it.
COMING_BACK = replace(OTHER_BROWSER, again=True)
NOT_VISITED = Notice("Open this link in a tab", "It is not shown ahead of time or inside another page.")
NOT_FROM_HERE = Notice("This did not come from the page", f"Nothing was sent. {_ASK_AGAIN}")
UNREADABLE = Notice("This cannot be read", "Nothing was sent. Go back to the page and try again.")
TOO_SLOW = Notice("This took too long", "Nothing was sent. Go back to the page and try again.")
WRONG_HOST = Notice("This is another address", "Open the link exactly as your assistant gave it to you.")
BROKEN = Notice("This failed", "Nobody foresaw this. Try again; the server's log has more.")
