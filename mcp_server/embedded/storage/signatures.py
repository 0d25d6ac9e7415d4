"""SigV4, by botocore's signer. The credentials are the account's: nothing is read from the host's configuration."""

from __future__ import annotations

import logging

from mcp_server.embedded.storage.accounts import S3Account
from mcp_server.embedded.storage.exchange import Message
from mcp_server.redaction import reveal_text


def signed_headers(account: S3Account, message: Message) -> dict[str, str]:
    """The message's headers and those that SigV4 adds."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    log = logging.getLogger("botocore.auth")
    if log.level != logging.INFO:
        # Its debug lines hold whole requests with their signatures.
        log.setLevel(logging.INFO)
    credentials = Credentials(account.aws_access_key_id, reveal_text(account.aws_secret_access_key))
    url = message.origin + message.target
    request = AWSRequest(method=message.method, url=url, headers=dict(message.headers), data=message.content)
    S3SigV4Auth(credentials, "s3", account.region).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}
