"""Lists a bucket in one way, and prints what it took: files, seconds, and MiB of memory before and at the most.

`python -m tests.bench.listers NAME URL`, in a process of its own, so that memory is the way's own.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from math import inf
from typing import Any

PATTERN = "*.{mp4,mov}"
BUCKET, REGION = "media", "eu-west-1"
KEY_ID, KEY = f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20)


def _page_and_totals(url: str, latency: float) -> tuple[int, float]:
    """Ours: the first page of files of the pattern, and the totals of all."""
    import uvloop

    from mcp_server.embedded.storage import Limits, Query, S3Account, Storages, page
    from mcp_server.file_pages import Collector
    from mcp_server.settings import load

    limits = Limits(browse=600, totals=600, latency=latency)
    account = S3Account.model_validate(
        {"bucket": BUCKET, "region": REGION, "aws_access_key_id": KEY_ID, "aws_secret_access_key": KEY}
    )

    async def listed() -> tuple[int, float]:
        storages = Storages(load({}, {"VIDEOVECTOR_S3_ENDPOINT": url}), limits)
        storage = storages.open(account)
        await storage.list_page("none")
        gc.collect()
        gc.freeze()  # as a process of the embedded API does before it serves
        began, collector = time.perf_counter(), Collector(100)
        await page(storage, Query("", PATTERN, recursive=True), collector, wants_totals=True, limits=limits)
        seconds = time.perf_counter() - began
        await storages.aclose()
        return collector.totals.files, seconds

    return uvloop.run(listed())


def ours(url: str) -> tuple[int, float]:
    """As the embedded API lists."""
    return _page_and_totals(url, 0.02)


def ours_one_after_another(url: str) -> tuple[int, float]:
    """Never two requests at once."""
    return _page_and_totals(url, inf)


def obstore(url: str) -> tuple[int, float]:
    """A bare loop, which neither matches nor adds up."""
    import uvloop

    library: Any = import_module("obstore")
    store = import_module("obstore.store").S3Store(
        BUCKET,
        endpoint=url,
        region=REGION,
        access_key_id=KEY_ID,
        secret_access_key=KEY,
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
    )

    async def listed() -> int:
        return sum([len(chunk) async for chunk in library.list(store, chunk_size=1000)])

    began = time.perf_counter()
    files = uvloop.run(listed())
    return files, time.perf_counter() - began


def boto3(url: str) -> tuple[int, float]:
    """The paginator of ListObjectsV2."""
    client: Any = import_module("boto3").client(
        "s3", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY_ID, aws_secret_access_key=KEY
    )
    began = time.perf_counter()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    files = sum(len(page.get("Contents", [])) for page in pages)
    return files, time.perf_counter() - began


def rclone(url: str) -> tuple[int, float]:
    """`rclone lsf` of the pattern. Raises FileNotFoundError where it is not installed."""
    program = shutil.which("rclone")
    if program is None:
        raise FileNotFoundError
    remote = f":s3,provider=Other,endpoint='{url}',region={REGION},list_version=2:{BUCKET}"
    command = [
        program,
        "lsf",
        "--config",
        os.devnull,
        "-R",
        "--files-only",
        "--fast-list",
        "--include",
        PATTERN,
        remote,
    ]
    # What the surroundings say of Amazon is not meant for this.
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**surroundings, "RCLONE_S3_ACCESS_KEY_ID": KEY_ID, "RCLONE_S3_SECRET_ACCESS_KEY": KEY}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        files = sum(1 for _ in process.stdout)
    return files, time.perf_counter() - began


WAYS: dict[str, Callable[[str], tuple[int, float]]] = {
    way.__name__: way for way in (ours, ours_one_after_another, obstore, boto3, rclone)
}


def _most_mib(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def main() -> None:
    """Print one line of JSON."""
    way, url = sys.argv[1:]
    files, seconds = WAYS[way](url)
    own, child = _most_mib(resource.RUSAGE_SELF), _most_mib(resource.RUSAGE_CHILDREN)
    print(json.dumps({"files": files, "seconds": seconds, "mib": child if way == "rclone" else own}), flush=True)
    # obstore's threads abort the process now and then while Python ends.
    os._exit(0)


if __name__ == "__main__":
    main()
