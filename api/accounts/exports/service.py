"""An export asked for: what it is of, recorded, then sent."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy import Text, func, literal, select
from sqlmodel import col

from api import clock
from api.accounts.cards.service import mark_delivered, revealer
from api.accounts.disclosures import Purpose, disclose_set
from api.accounts.exports.choosing import (
    Chosen,
    ids_of,
    is_most,
    most_bytes_of,
    rows_of,
    survey,
)
from api.accounts.exports.copying import END, copied, csv_lines, revealed
from api.accounts.exports.form import (
    DOMAIN,
    ORG_UNIT,
    Audience,
    Cell,
    ExportFormat,
    Form,
    Of,
    OnUnfit,
    Sheet,
    Wishes,
    Written,
)
from api.accounts.exports.forms import FORMATS
from api.accounts.exports.packing import BOM, CRLF, Piece, split, whole, zipped
from api.accounts.exports.sending import Senders
from api.accounts.models import AccountSource
from api.accounts.rules import AccountStatus
from api.accounts.username_rules import graduation_year
from api.auth.caller import Caller, visible
from api.db.uow import WriteSession
from api.schools.errors import invalid
from api.schools.models import Network, School
from api.schools.queries import find_network, find_school
from api.sealing import Sealer

# A file of more accounts than this may be larger than a zip holds without its larger numbers.
_LARGE = 5_000_000
_LAST_GRADE = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """What the query of an export asks for."""

    format: ExportFormat
    network: str | None = None
    school: str | None = None
    source: str | None = None
    status: AccountStatus = AccountStatus.active
    audience: Audience = Audience.machine
    on_unfit: OnUnfit = OnUnfit.refuse
    domain: str | None = None
    org_unit: str | None = None
    passwords: bool = False
    recipient: str | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """A file on its way: how many students are in it, and how many it could not hold."""

    name: str
    zipped: bool
    students: int
    left_out: int
    pieces: AsyncGenerator[bytes, None]


async def export_accounts(
    session: WriteSession, senders: Senders, caller: Caller, asked: Asked, sealer: Sealer
) -> Export:
    """Record who is told about whom, and begin to send it, from the snapshot of this transaction.

    `session` must see one snapshot. Raises: ExportsBusy; NetworkNotFound; SchoolNotFound; Invalid
    for what the format cannot do; ExportUnfit; SourcedIdsShared; SchoolIdsShared.
    """
    form = form_of(asked)
    network, chosen = await _choose(session, caller, asked)
    with senders.place():
        form, found = await survey(session, chosen, form, skips=asked.on_unfit is OnUnfit.skip)
        if not found.unfit:
            # In one snapshot they need not be judged again.
            form = replace(form, unfit=(), judges_schools=False)
        is_zip = await _needs_zip(session, chosen, form, found.students)
        await _record(session, caller, asked, chosen, form, found.students)
        plan = _Plan(chosen, form, asked, sealer, is_zip, found.students)
        snapshot = await session.scalar(select(func.pg_export_snapshot()))
        pieces = await senders.begin(str(snapshot), plan.made)
    name = f"{asked.format}-{network.code}-{clock.now():%Y-%m-%d}.{'zip' if is_zip else 'csv'}"
    return Export(name, is_zip, found.students, found.unfit, pieces)


async def _record(
    session: WriteSession,
    caller: Caller,
    asked: Asked,
    chosen: Chosen,
    form: Form,
    students: int,
) -> None:
    await disclose_set(
        session,
        caller.actor,
        Purpose.exported,
        ids_of(chosen, form),
        fields=[*form.fields, *(["password"] if asked.passwords else [])],
        recipient=asked.recipient or form.recipient,
        basis=asked.basis,
        network_id=chosen.network_id,
        school_id=chosen.school_id,
        walks=await is_most(session, students),
    )
    if asked.passwords:
        await mark_delivered(session, ids_of(chosen, form))


def form_of(asked: Asked) -> Form:
    """The form as asked for. Raises: Invalid naming the parameter that it cannot fulfil."""
    chosen = FORMATS[asked.format]
    given = {"domain": asked.domain, "org_unit": asked.org_unit, "passwords": asked.passwords}
    for name, value in given.items():
        if value and name not in chosen.takes:
            detail = f"The format {asked.format} has no place for it; leave it out."
            raise invalid(f"/{name}", "not-of-format", detail)
    _check(asked.domain, DOMAIN, "/domain", "a domain such as students.example.org")
    _check(asked.org_unit, ORG_UNIT, "/org_unit", "a path such as /Students/{school}/{grad_year}")
    first_year = graduation_year(_LAST_GRADE, clock.now().date())
    assert first_year is not None
    form = chosen.make(Wishes(asked.domain, asked.org_unit, asked.passwords, first_year))
    if asked.status not in form.statuses:
        held = " or ".join(sorted(form.statuses))
        detail = f"The format {asked.format} can only say that students are {held}."
        raise invalid("/status", "not-of-format", detail)
    return form


def _check(value: str | None, pattern: str, pointer: str, expected: str) -> None:
    if value is not None and re.fullmatch(pattern, value) is None:
        raise invalid(pointer, "malformed", f"This is not {expected}.")


async def _choose(session: WriteSession, caller: Caller, asked: Asked) -> tuple[Network, Chosen]:
    school = await find_school(session, caller, asked.school) if asked.school else None
    network = await _network(session, caller, asked.network, school)
    source_id = None
    if asked.source is not None:
        statement = select(col(AccountSource.id)).where(
            col(AccountSource.network_id) == network.id, col(AccountSource.slug) == asked.source
        )
        source_id = (await session.scalars(statement)).one_or_none()
        if source_id is None:
            detail = f"The network {network.code} has no source {asked.source}."
            raise invalid("/source", "source-unknown", detail)
    school_id = school.id if school else None
    if school is None and caller.school_ids is not None and len(caller.school_ids) == 1:
        # Who may see one school only exports that one, and the record is of it.
        (school_id,) = caller.school_ids
    return network, Chosen(caller, network.id, school_id, source_id, asked.status)


async def _network(
    session: WriteSession, caller: Caller, named: str | None, school: School | None
) -> Network:
    """The network named, else the school's, else the only one that the caller sees."""
    if named is not None:
        network = await find_network(session, caller, named)
        if school is not None and school.network_id != network.id:
            raise invalid("/school", "network-differs", "The school is of another network.")
        return network
    if school is not None:
        return await session.get_one(Network, school.network_id)
    seen = select(Network).where(visible(caller, col(Network.id))).limit(2)
    found = (await session.scalars(seen)).all()
    if len(found) != 1:
        raise invalid("/network", "required", "Say which network's accounts: `network=CODE`.")
    return found[0]


async def _needs_zip(session: WriteSession, chosen: Chosen, form: Form, students: int) -> bool:
    """Whether there are several files, or there may be."""
    if len(form.sheets) > 1:
        return True
    if form.most_rows is not None and students > form.most_rows:
        return True
    if form.most_bytes is None:
        return False
    columns = form.sheets[0].columns
    head = sum(len(name.encode()) + 3 for name in columns)
    return head + await most_bytes_of(session, chosen, [*columns.values()]) > form.most_bytes


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the pieces of one export are made."""

    chosen: Chosen
    form: Form
    asked: Asked
    sealer: Sealer
    is_zip: bool
    students: int

    async def made(self, connection: AsyncConnection[Any]) -> AsyncIterator[bytes]:
        files = self._files(connection)
        if self.is_zip:
            packed = zipped(files, clock.now(), large=self.students > _LARGE)
            async for data in packed:
                yield data
        else:
            async for piece in files:
                yield piece.data

    async def _files(self, connection: AsyncConnection[Any]) -> AsyncIterator[Piece]:
        for sheet in self.form.sheets:
            blocks = self._blocks(connection, sheet)
            head = self._head(sheet)
            if len(self.form.sheets) > 1:
                pieces = whole(sheet.name, head, blocks, END if self._for_apple else CRLF)
            else:
                limits = (self.form.most_rows, self.form.most_bytes)
                pieces = split(str(self.asked.format), head, blocks, *limits)
            async for piece in pieces:
                yield piece

    def _head(self, sheet: Sheet) -> bytes:
        mark = BOM if self._guarded else b""
        return mark + b"".join(csv_lines([[*sheet.columns], *sheet.lines]))

    @property
    def _guarded(self) -> bool:
        return self.asked.audience is Audience.people

    @property
    def _for_apple(self) -> bool:
        return self.form.written is Written.apple and not self._guarded

    async def _blocks(
        self, connection: AsyncConnection[Any], sheet: Sheet
    ) -> AsyncIterator[list[bytes]]:
        kinds = [(sheet.of, sheet.columns), *([sheet.then] if sheet.then else [])]
        for of, columns in kinds:
            if of is not Of.nothing:
                async for lines in self._lines(connection, sheet, of, columns):
                    yield lines

    def _lines(
        self, connection: AsyncConnection[Any], sheet: Sheet, of: Of, columns: Mapping[str, Cell]
    ) -> AsyncIterator[list[bytes]]:
        expected = self.students if of is Of.account else 0
        secret = sheet.reveals if of is Of.account else None
        reveals = secret is not None and self.asked.passwords
        cells = dict(columns)
        if secret is not None and sheet.instead is not None:
            cells[secret] = literal(sheet.instead, Text())
        rows = partial(rows_of, self.chosen, self.form, of, [*cells.values()])
        if not reveals:
            made = rows(secrets=False, guarded=self._guarded)
            return copied(connection, made, expected, apple=self._for_apple)
        assert secret is not None
        return revealed(
            connection,
            rows(secrets=True, guarded=self._guarded),
            [*columns].index(secret),
            sheet.instead,
            revealer(self.sealer),
        )
