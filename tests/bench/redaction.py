"""How fast a text is redacted, beside `json.loads` and `json.dumps` of the same listing.

Run `python -m tests.bench.redaction`: the best of 5 rounds each, in MB/s (at least 5 is wanted, 1 for hostile texts).
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable

from mcp_server.redaction import Scrubber
from tests.materials import API_KEY, made

ROUNDS = 5
AWS_SECRET = made("bench aws")
_LINES = [base64.b64encode(hashlib.sha384(bytes((line,))).digest()).decode() for line in range(26)]
_LABEL = "PRIVATE KEY"
PRIVATE_KEY = "\n".join((f"-----BEGIN {_LABEL}-----", *_LINES, f"-----END {_LABEL}-----"))
SECRETS = {AWS_SECRET: "aws_secret_access_key", PRIVATE_KEY: "private_key", API_KEY: "api_key"}


def listing(files: int = 5_500) -> list[dict[str, object]]:
    """A browse result, about 1 MB as JSON."""
    return [
        {
            "path": f"media/2026/secret-plans/clip-{number}/{made(str(number), 32)}.mp4",
            "name": f"clip-{number}.mp4",
            "size_bytes": 977 * number,
            "last_modified": "2026-04-01T00:00:00Z",
            "content_type": "video/mp4",
        }
        for number in range(files)
    ]


def texts() -> dict[str, str]:
    """About 1 MB each."""
    rows = listing()
    table = "\n".join("\t".join(map(str, row.values())) for row in rows)
    plain = json.dumps(rows)
    return {
        "browse result, JSON": plain,
        "browse result, table": table,
        "browse result, JSON in JSON": json.dumps(plain),
        "a secret in every row": plain.replace("clip-", f"{AWS_SECRET[:-1]}0 {AWS_SECRET} "),
    }


def hostile_texts(size: int = 1_000_000) -> dict[str, str]:
    """What would be slow if anything were not linear."""
    pieces = {
        "backslashes": "\\",
        "percent signs": "%",
        "nested percents": "%25",
        "ampersands": "&",
        "nested entities": "&amp;amp;",
        "nested escapes": "\\u005cu005c",
        "equals signs": "=",
        "letters A": "A",
        "base64 of base64": "VFZSSmVrNUVWVEk9",
        "hex of hex": "33313332",
        "prefixes of a secret": AWS_SECRET[:11],
        "longer prefixes of a secret": AWS_SECRET[:13],
        "field names": "client_secret",
        "open fields": 'client_secret":"',
        "open faults": '"client_secret"],',
        "open keys": f"-----BEGIN {_LABEL}-----\n",
        "blanks": " ",
        "lines": "\n",
        "broken escapes": "%\n",
        "colons": "://a:",
    }
    return {name: piece * (size // len(piece)) for name, piece in pieces.items()}


def megabytes_a_second(work: Callable[[], object], size: int) -> float:
    """The best of some rounds."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return size / min(seconds) / 1e6


def _speed_of(text: str) -> float:
    """A new scrubber each time, as every call has its own."""
    return megabytes_a_second(lambda: Scrubber(SECRETS).text(text), len(text))


def _report(name: str, speed: float) -> None:
    print(f"  {name:32}{speed:8.1f} MB/s")


def main() -> None:
    """Print the speeds."""
    rows, small = listing(), '{"error": {"code": "not_found", "message": "No such connector"}}'
    plain = json.dumps(rows)
    print("redaction with three secrets, best of", ROUNDS)
    _report("reference: json loads and dumps", megabytes_a_second(lambda: json.dumps(json.loads(plain)), len(plain)))
    _report("browse result, as a value", megabytes_a_second(lambda: Scrubber(SECRETS).value(rows), len(plain)))
    for name, text in texts().items():
        _report(name, _speed_of(text))
    print("hostile texts")
    for name, text in hostile_texts().items():
        _report(name, _speed_of(text))
    speed = _speed_of(small)
    print(f"  a scrubber made, and {len(small)} characters redacted: {len(small) / speed:.0f} µs")


if __name__ == "__main__":
    main()
