"""The first answers to requests that bore an idempotency key, kept so that a repetition gets them. Bodies are not kept.

What a request does is the service's business; here is only that it is done once.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import RowMapping, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_server.embedded import clock
from mcp_server.embedded.calls import Call
from mcp_server.embedded.database import Database, lock_tenant
from mcp_server.embedded.tables import keyed_requests
from mcp_server.embedded.vault import Vault
from mcp_server.errors import ApiRefused
from mcp_server.operation import AnswerT, Operation
from mcp_server.operations import NewConnector, TestConnector
from mcp_server.wire import as_request, decode_answer, encode_answer

KEPT_FOR = timedelta(days=30)
KeyedT = TypeVar("KeyedT", bound=NewConnector | TestConnector)


class Ledger:
    """The answers already given, by tenant and key. An answer is kept in the transaction of what it tells of."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def recall(self, call: Call, operation: Operation[KeyedT, AnswerT], request: KeyedT) -> AnswerT | None:
        """The answer that this request's key got before, if any.

        Raises ApiRefused (422) when the key was another request's.
        """
        if request.idempotency_key is None:
            return None
        async with self._database.reading() as connection:
            return await self._recall(connection, call, operation, request)

    async def once(
        self,
        call: Call,
        operation: Operation[KeyedT, AnswerT],
        request: KeyedT,
        act: Callable[[AsyncConnection], Awaitable[AnswerT]],
    ) -> AnswerT:
        """The answer of `act`, or the one that the request's key got before, without acting.

        Raises ApiRefused (422) when the key was another request's.
        """
        async with self._database.writing() as connection:
            if request.idempotency_key is None:
                return await act(connection)
            await lock_tenant(connection, call.tenant_id)
            earlier = await self._recall(connection, call, operation, request)
            if earlier is not None:
                return earlier
            answer = await act(connection)
            await self._keep(connection, call, operation, request, answer)
            return answer

    async def _recall(
        self, connection: AsyncConnection, call: Call, operation: Operation[KeyedT, AnswerT], request: KeyedT
    ) -> AnswerT | None:
        mine = (
            keyed_requests.c.tenant_id == call.tenant_id,
            keyed_requests.c.idempotency_key == request.idempotency_key,
        )
        row = (await connection.execute(select(keyed_requests).where(*mine))).mappings().one_or_none()
        if row is None:
            return None
        self._require_same(row, operation, request)
        call.replayed = True
        return decode_answer(operation, operation.status, row["answer"].encode())

    def _require_same(self, row: RowMapping, operation: Operation[KeyedT, AnswerT], request: KeyedT) -> None:
        digest = row["request_digest"]
        if not self._vault.can_compare(digest):
            raise _reused(
                "before, and whether for this request cannot be told because the encryption key has changed since.",
                "List the connectors to see what that request made, then use a new key if this one is still wanted.",
            )
        if not self._vault.recognizes(digest, _content(operation, request)):
            raise _reused(
                "before, for another request.", "Repeat that request unchanged, or use a new key for this one."
            )

    async def _keep(
        self,
        connection: AsyncConnection,
        call: Call,
        operation: Operation[KeyedT, AnswerT],
        request: KeyedT,
        answer: AnswerT,
    ) -> None:
        mine = keyed_requests.c.tenant_id == call.tenant_id  # only these are locked against others who forget them
        forgotten = keyed_requests.c.created_at < clock.ago(KEPT_FOR)
        await connection.execute(delete(keyed_requests).where(mine, forgotten))
        row = {
            "tenant_id": call.tenant_id,
            "idempotency_key": request.idempotency_key,
            "request_digest": self._vault.digest(_content(operation, request)),
            "answer": encode_answer(operation, answer)[0].decode(),
            "created_at": clock.now(),
        }
        await connection.execute(insert(keyed_requests).values(row))


def _reused(why: str, hint: str) -> ApiRefused:
    return ApiRefused(422, "idempotency_key_reused", f"This idempotency key was used {why}", hint=hint)


def _content(operation: Operation[Any, Any], request: NewConnector | TestConnector) -> bytes:
    """What must be equal in a repetition: the operation, and what every argument but the key means."""
    meant = {name: _meaning(name, value) for name, value in as_request(request).items()}
    return json.dumps([operation.name, meant], sort_keys=True).encode()


def _meaning(name: str, value: Any) -> Any:
    """The same for any spelling of a key file, and for scopes in any order."""
    if name == "credentials_json":
        return json.loads(value)
    return sorted(value) if name == "scopes" else value
