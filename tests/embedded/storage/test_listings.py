"""What counts as a listing, and how the names in it are read, told by servers that answer what no emulator does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_server.embedded.storage import Storage
from tests.embedded.storage.clouds import PROVIDERS, browse, cloud, fault_of_listing
from tests.emulators.http_server import Reply

pytestmark = pytest.mark.anyio

NO_LISTINGS = [
    b"",
    b"<html><body>Welcome</body></html>",
    b"<Error><Code>AccessDenied</Code></Error>",
    b"{}",
    b"[]",
    b'{"kind": "storage#bucket"}',
    b'{"kind": "storage#objects", "items": 7}',
    b'{"kind": "storage#objects", "items": [{"name": "a"}]}',
    b'{"kind": "storage#objects", "nextPageToken": "\\ud800"}',
    b'{"kind": "storage#objects", "prefixes": ["\\ud800/"]}',
    b"[" * 100_000,
    b"\xff\xfe<\x00",
    b"<ListBucketResult/>",
    b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken/></ListBucketResult>",
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>",
    b"<ListBucketResult><IsTruncated>false</IsTruncated>",
    b'<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>',
    b"<EnumerationResults><Blobs><Blob/></Blobs><NextMarker/></EnumerationResults>",
    b"<EnumerationResults/>",
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", NO_LISTINGS, ids=[str(number) for number in range(len(NO_LISTINGS))])
async def test_an_answer_that_is_no_listing_is_never_an_empty_bucket(
    provider: str, body: bytes, open_at: Callable[..., Storage]
) -> None:
    with cloud(Reply(200, body)) as served:
        fault = await fault_of_listing(open_at(served.url, provider))
    assert fault.code == "storage_unexpected_answer"


S3_CIRCLE = (
    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    "</ListBucketResult>"
)


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("s3", S3_CIRCLE),
        ("gcs", '{"kind": "storage#objects", "nextPageToken": "x"}'),
        ("azure", "<EnumerationResults><Blobs/><NextMarker>x</NextMarker></EnumerationResults>"),
    ],
)
async def test_a_listing_that_goes_round_in_circles_is_ended(
    provider: str, body: str, open_at: Callable[..., Storage]
) -> None:
    with cloud(Reply(200, body.encode())) as served:
        fault = await fault_of_listing(open_at(served.url, provider))
    assert fault.code == "storage_unexpected_answer"
    assert "a listing that ends" in fault.message


async def test_azure_decodes_encoded_names_and_leaves_directories_out(open_at: Callable[..., Storage]) -> None:
    properties = "<Last-Modified>Wed, 01 Apr 2026 12:00:00 GMT</Last-Modified><Content-Length>1</Content-Length>"
    body = f"""<EnumerationResults><Blobs>
        <Blob><Name Encoded="true">bell%07%2B.mp4</Name><Properties>{properties}</Properties></Blob>
        <Blob><Name>folder</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>
        <Blob><Name>hadoop</Name><Properties>{properties}</Properties>
            <Metadata><owner>true</owner><Hdi_isfolder>true</Hdi_isfolder></Metadata></Blob>
        <Blob><Name>a%20b.mp4</Name><Properties>{properties}</Properties>
            <Metadata><owner>true</owner><hdi_isfolder>false</hdi_isfolder></Metadata></Blob>
        </Blobs><NextMarker/></EnumerationResults>"""
    with cloud(Reply(200, body.encode())) as served:
        files = await browse(open_at(served.url, "azure"), "", "*", recursive=True)
    assert "include=metadata" in served.asked[-1].target
    assert [file.path for file in files] == ["a%20b.mp4", "bell\x07+.mp4"]


async def test_s3_stores_that_encode_no_keys_are_understood(open_at: Callable[..., Storage]) -> None:
    stored = "<Key>a%20b+c.mp4</Key><Size>1</Size><LastModified>2026-04-01T12:00:00Z</LastModified>"
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated><Contents>{stored}</Contents></ListBucketResult>"
    with cloud(Reply(200, body.encode())) as served:
        files = await browse(open_at(served.url), "", "*", recursive=True)
    assert [file.path for file in files] == ["a%20b+c.mp4"]
