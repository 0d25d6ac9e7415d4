"""An S3 endpoint that only lists, from sorted keys in memory: any number of them, late or throttled on demand.

`python -m tests.bench.s3_listing PORT SHAPE KEYS [MILLISECONDS]` serves a bucket of that shape.
"""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

TIMES = [f"2026-04-{day:02}T12:{minute:02}:00" for day in range(1, 31) for minute in range(60)]
LAST = "\U0010ffff"
SHAPES: dict[str, Callable[[int], list[str]]] = {
    "flat": lambda keys: [
        f"incoming/2026/04/clip-{number:07}.{'mp4' if number % 3 else 'mov'}" for number in range(keys)
    ],
    "tree": lambda keys: sorted(
        f"media/{number % 100:02}/{number // 100 % 10}/clip-{number:07}.{'mp4' if number % 3 else 'txt'}"
        for number in range(keys)
    ),
    "random": lambda keys: sorted(f"media/{number * 2654435761 % 2**32:08x}.mp4" for number in range(keys)),
}


def size_of(key: str) -> int:
    """Of the object: some number that is the key's own; nothing for a folder marker."""
    return 0 if key.endswith("/") else sum(map(ord, key[-12:])) * 977 + len(key)


def time_of(key: str) -> str:
    """When the object was last modified, without the zone."""
    return TIMES[(len(key) + ord(key[0]) + ord(key[-6:][0])) % len(TIMES)]


def _written(text: str, *, quoted: bool) -> str:
    return quote(text) if quoted else text.replace("&", "&amp;").replace("<", "&lt;")


def _entry(key: str, *, quoted: bool) -> str:
    return (
        f"<Contents><Key>{_written(key, quoted=quoted)}</Key><LastModified>{time_of(key)}.000Z</LastModified>"
        f"<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{size_of(key)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


@dataclass
class Bucket:
    """Sorted keys, and how they are listed. What is asked is noted as dictionaries."""

    keys: Sequence[str]
    seconds: float = 0
    page_size: int = 1000
    most_at_once: int = 1_000_000
    broken_after: str = LAST
    """Where pages that begin behind it fail."""
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    at_once: int = 0
    peak: int = 0
    throttled: int = 0
    _entries: str = ""
    _ends: Sequence[int] = ()

    def listing(self, query: dict[str, str]) -> bytes:
        """The document that ListObjectsV2 answers."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = unquote(query.get("continuation-token", "")) or query.get("start-after", "")
        index = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        most = min(int(query.get("max-keys", self.page_size)), self.page_size)
        quoted = query.get("encoding-type") == "url"
        return self._document(*self._found(index, prefix, delimiter, after, most), quoted=quoted)

    def _found(
        self, index: int, prefix: str, delimiter: str, after: str, most: int
    ) -> tuple[Sequence[str], list[str], str]:
        """Keys, common prefixes, and the token of what follows."""
        end = bisect_left(self.keys, prefix + LAST) if prefix else len(self.keys)
        if not delimiter:
            found = self.keys[index : min(index + most, end)]
            return found, [], found[-1] if index + most < end else ""
        keys: list[str] = []
        folders: list[str] = []
        last = ""
        while index < end and len(keys) + len(folders) < most:
            key = self.keys[index]
            cut = key.find(delimiter, len(prefix))
            if cut < 0:
                keys.append(key)
                index, last = index + 1, key
                continue
            folder = key[: cut + len(delimiter)]
            index, last = bisect_left(self.keys, folder + LAST), folder + LAST
            if folder + LAST != after:
                folders.append(folder)
        return keys, folders, last if index < end else ""

    def write_beforehand(self) -> None:
        """Write all entries, so that a page is cut out of them wherever it begins; the keys need no quoting."""
        entries = [_entry(key, quoted=False) for key in self.keys]
        self._entries = "".join(entries)
        self._ends = [0, *accumulate(map(len, entries))]

    def _contents(self, keys: Sequence[str], *, quoted: bool) -> str:
        start = bisect_left(self.keys, keys[0]) if keys else 0
        if self._entries and keys and self.keys[start + len(keys) - 1] == keys[-1]:
            return self._entries[self._ends[start] : self._ends[start + len(keys)]]
        return "".join(_entry(key, quoted=quoted) for key in keys)

    def _document(self, keys: Sequence[str], folders: list[str], mark: str, *, quoted: bool) -> bytes:
        head = "<IsTruncated>false</IsTruncated>"
        if mark:
            head = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{quote(mark)}</NextContinuationToken>"
        head += "<EncodingType>url</EncodingType>" if quoted else ""
        contents = self._contents(keys, quoted=quoted)
        tail = "".join(
            f"<CommonPrefixes><Prefix>{_written(folder, quoted=quoted)}</Prefix></CommonPrefixes>" for folder in folders
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>media</Name><Prefix/><KeyCount>{len(keys)}</KeyCount><MaxKeys>1000</MaxKeys>{head}{contents}{tail}"
            "</ListBucketResult>"
        ).encode()


class Connection(asyncio.Protocol):
    """One client. Requests have no bodies, and come one after another."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, self._received = self._received.split(b"\r\n\r\n", 1)
            self._begin(head.split(b" ", 2)[1].decode())

    def _begin(self, target: str) -> None:
        bucket = self._bucket
        query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        bucket.asked.append(query)
        bucket.at_once += 1
        bucket.peak = max(bucket.peak, bucket.at_once)
        begin = unquote(query.get("continuation-token", "")) or query.get("start-after", "")
        too_many = bucket.at_once > bucket.most_at_once or begin >= bucket.broken_after
        if bucket.seconds:
            asyncio.get_running_loop().call_later(bucket.seconds, self._end, query, too_many)
        else:
            self._end(query, too_many)

    def _end(self, query: dict[str, str], too_many: bool) -> None:  # noqa: FBT001 - call_later passes no names
        self._bucket.at_once -= 1
        self._bucket.throttled += too_many
        body = b"<Error><Code>SlowDown</Code></Error>" if too_many else self._bucket.listing(query)
        status = b"503 Slow Down" if too_many else b"200 OK"
        head = b"HTTP/1.1 %b\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


@asynccontextmanager
async def serving(bucket: Bucket, port: int = 0) -> AsyncGenerator[str]:
    """The URL of the bucket's endpoint, which is served by this event loop."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(bucket), "127.0.0.1", port)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def main() -> None:
    """Serves until it is ended."""
    port, shape, keys, milliseconds = [*sys.argv[1:], "0"][:4]
    bucket = Bucket(SHAPES[shape](int(keys)), float(milliseconds) / 1000)
    bucket.write_beforehand()
    async with serving(bucket, int(port)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
