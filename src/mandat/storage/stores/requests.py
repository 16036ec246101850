"""Permission requests that wait: `RequestStore`.

How many wait is kept as a tally beside the rows, in the same transactions: a check costs one index look-up, however
many thousands wait. When a limit is reached, requests of that application that ran out are pruned before the caller is
refused.

The MAC covers everything but the id: a changed consumer key hash or rule list would otherwise become a signed grant as
soon as the customer confirms. Gateways read here only to answer "pending", which permits nothing; they check no MAC.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from mandat.authority.interfaces import RequestLimits, TooManyRequests
from mandat.authority.values import PermissionRequest
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import permission_requests, request_tallies
from mandat.storage.engine.upsert import insert as insert_or_update
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import RowMac
from mandat.storage.rows import is_id, networks_text, read_networks, read_rules, rules_text
from mandat.storage.stores.guard import Row, RowGuard

_GUARDED = (
    "application_id",
    "consumer_key_hash",
    "token_hash",
    "rules",
    "redirection",
    "allowed_networks",
    "address",
    "created",
    "expires",
)

ALL_ADDRESSES = "*"
"""The tally of the whole application; no address is written like that."""

PRUNED_AT_ONCE = 1_000
"""Rows deleted in one job, so that pruning many does not hold up the requests behind it."""

# Built once: this is the hottest write of all, and building a statement costs as much as running it.
_TALLIES = select(request_tallies.c.address, request_tallies.c.waiting).where(
    request_tallies.c.application_id == bindparam("application"),
    request_tallies.c.address.in_([bindparam("one_address"), ALL_ADDRESSES]),
)
_ADD = insert(permission_requests)
_COUNT_UP = insert_or_update(request_tallies).on_conflict_do_update(
    index_elements=["application_id", "address"], set_={"waiting": request_tallies.c.waiting + 1}
)


def row_guard(mac: RowMac) -> RowGuard:
    """Tells genuine rows of this table from altered ones."""
    return RowGuard(mac, "permission request", _GUARDED)


class StoredRequests:
    """`RequestStore`. `added` and `too_many` count the answers of `add_request` since this process began."""

    def __init__(self, writer: Writer, readers: Readers, *, mac: RowMac) -> None:
        self._writer = writer
        self._readers = readers
        self._guard = row_guard(mac)
        self.added = 0
        self.too_many = 0

    async def add_request(
        self,
        *,
        application_id: int,
        consumer_key_hash: bytes,
        token_hash: bytes,
        rules: Sequence[AccessRule],
        redirection: str | None,
        allowed_networks: Sequence[Network] | None,
        address: str,
        at: int,
        expires: int,
        limits: RequestLimits,
    ) -> PermissionRequest | TooManyRequests:
        """Stores a new request, unless too many wait already."""
        request = PermissionRequest(
            id=0,
            application_id=application_id,
            consumer_key_hash=consumer_key_hash,
            token_hash=token_hash,
            rules=tuple(rules),
            redirection=redirection,
            allowed_networks=None if allowed_networks is None else tuple(allowed_networks),
            address=address,
            created=at,
            expires=expires,
        )
        values = _values(request)
        outcome = await self._writer.run(lambda connection: self._add(connection, request, values, limits))
        if isinstance(outcome, TooManyRequests):
            self.too_many += 1
        else:
            self.added += 1
        return outcome

    def _add(
        self, connection: Connection, request: PermissionRequest, values: dict[str, object], limits: RequestLimits
    ) -> PermissionRequest | TooManyRequests:
        """Stores `request`, which has no id yet and whose row is `values`, unless too many wait."""
        application, address = request.application_id, request.address
        refusal = _over_limit(connection, application, address, limits)
        if refusal is not None:
            of_application = permission_requests.c.application_id == application
            _take_out(connection, of_application & (permission_requests.c.expires <= request.created))
            refusal = _over_limit(connection, application, address, limits)
        if refusal is not None:
            return refusal
        # The MAC is made under the write lock: the key may have been rotated while the job waited.
        made = connection.execute(_ADD, values | {"mac": self._guard.mac_of(values)}).inserted_primary_key
        tally = {"application_id": application, "waiting": 1}
        connection.execute(_COUNT_UP, [tally | {"address": address}, tally | {"address": ALL_ADDRESSES}])
        return replace(request, id=int(made[0]) if made else 0)

    async def find_request(self, token_hash: bytes) -> PermissionRequest | None:
        """An expired one is still found until it is pruned; an answered one is not."""
        query = select(permission_requests).where(permission_requests.c.token_hash == token_hash)
        return await self._readers.run(
            lambda connection: self._guard.read(connection.execute(query).mappings().first(), _request)
        )

    async def forget_request(self, request_id: int) -> None:
        """Called after the answer is durable; forgetting twice is harmless."""
        if is_id(request_id):
            await self._writer.run(lambda connection: _take_out(connection, permission_requests.c.id == request_id))

    async def prune_requests(self, *, expired_before: int) -> int:
        """Takes out what ran out before that time, some at a time so that new requests get their turn in between."""
        pruned = 0
        while True:
            taken = await self._writer.run(
                lambda connection: _take_out(connection, permission_requests.c.expires < expired_before)
            )
            pruned += taken
            if taken < PRUNED_AT_ONCE:
                return pruned


def _over_limit(
    connection: Connection, application_id: int, address: str, limits: RequestLimits
) -> TooManyRequests | None:
    found = connection.execute(_TALLIES, {"application": application_id, "one_address": address}).all()
    waiting = {row.address: row.waiting for row in found}
    if waiting.get(address, 0) >= limits.per_address:
        return TooManyRequests("address")
    if waiting.get(ALL_ADDRESSES, 0) >= limits.per_application:
        return TooManyRequests("application")
    return None


def _take_out(connection: Connection, which: ColumnElement[bool]) -> int:
    """Deletes up to PRUNED_AT_ONCE matching requests and counts them off the tallies. Answers how many."""
    chosen = select(permission_requests.c.id).where(which).limit(PRUNED_AT_ONCE)
    taken = connection.execute(
        delete(permission_requests)
        .where(permission_requests.c.id.in_(chosen))
        .returning(permission_requests.c.application_id, permission_requests.c.address)
    ).all()
    counts: Counter[tuple[int, str]] = Counter()
    for row in taken:
        counts[row.application_id, row.address] += 1
        counts[row.application_id, ALL_ADDRESSES] += 1
    for (application_id, address), count in counts.items():
        one = (request_tallies.c.application_id == application_id) & (request_tallies.c.address == address)
        connection.execute(update(request_tallies).where(one).values(waiting=request_tallies.c.waiting - count))
        connection.execute(delete(request_tallies).where(one & (request_tallies.c.waiting <= 0)))
    return len(taken)


def _values(request: PermissionRequest) -> dict[str, object]:
    """The guarded columns of a row."""
    return {
        "application_id": request.application_id,
        "consumer_key_hash": request.consumer_key_hash,
        "token_hash": request.token_hash,
        "rules": rules_text(request.rules),
        "redirection": request.redirection,
        "allowed_networks": networks_text(request.allowed_networks),
        "address": request.address,
        "created": request.created,
        "expires": request.expires,
    }


def _request(row: Row) -> PermissionRequest:
    return PermissionRequest(
        id=row["id"],
        application_id=row["application_id"],
        consumer_key_hash=row["consumer_key_hash"],
        token_hash=row["token_hash"],
        rules=read_rules(row["rules"]),
        redirection=row["redirection"],
        allowed_networks=read_networks(row["allowed_networks"]),
        address=row["address"],
        created=row["created"],
        expires=row["expires"],
    )
