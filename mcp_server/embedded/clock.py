"""Points in time as the API writes them: ISO 8601, UTC, milliseconds, `Z`. As texts they sort as they happened."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_MILLISECOND = timedelta(milliseconds=1)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """This moment."""
    return _text(datetime.now(timezone.utc))


def ago(span: timedelta) -> str:
    """The moment that lies so far back."""
    return _text(datetime.now(timezone.utc) - span)


def after(earlier: str) -> str:
    """This moment, or the millisecond after the earlier one if the clock has not come that far."""
    next_one = datetime.fromisoformat(earlier.replace("Z", "+00:00")) + _MILLISECOND
    return max(now(), _text(next_one))
