"""A browser in a process of its own: it reads a request from stdin and sends it, so that no other process holds it.

What is read is written backwards; what is sent is not. Prints the answer's status.
"""

from __future__ import annotations

import http.client
import json
import sys
from urllib.parse import urlsplit

BOUNDARY = "b"


def body(parts: dict[str, list[str]]) -> bytes:
    """A multipart form; a part is a name, then a file's name or nothing, then the content, backwards."""
    pieces = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
        f"{f'; filename={chr(34)}{file}{chr(34)}' if file else ''}\r\n\r\n{content[::-1]}\r\n"
        for name, (file, content) in parts.items()
    ]
    return ("".join(pieces) + f"--{BOUNDARY}--\r\n").encode()


def send(url: str, cookie: str, parts: dict[str, list[str]], media_type: str) -> int:
    """The status of the answer."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc)
    headers = {"Cookie": cookie, "Origin": f"http://{target.netloc}", "Content-Type": media_type}
    form = "&".join(f"{name}={content[::-1]}" for name, (_, content) in parts.items()).encode()
    content = form if media_type == "application/x-www-form-urlencoded" else body(parts)
    connection.request("POST", target.path, content, headers)
    return connection.getresponse().status


if __name__ == "__main__":
    sys.stdout.write(str(send(**json.loads(sys.stdin.read()))))
