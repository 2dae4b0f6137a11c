"""The answer to "what do you have about my child, and who was told": read in one go, recorded."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from api.accounts.account_schemas import AccountOut, account_out, disclosure_out
from api.accounts.cards.models import InitialPassword
from api.accounts.disclosures import Purpose, disclose, ids_of, tells_of
from api.accounts.models import Account, AccountChange, AccountImport, Disclosure
from api.accounts.privacy.rules import SCHEDULE
from api.accounts.privacy.schemas import (
    EditOut,
    KeptOut,
    ReportedChangeOut,
    ReportedPasswordOut,
    ReportedTargetOut,
    ReportOut,
)
from api.accounts.queries import slugs_of_sources
from api.accounts.targets.models import Target, TargetAccount
from api.accounts.targets.rules import Desired, Observed
from api.auth.caller import Caller
from api.db.uow import ReadSession, WriteSession
from api.schools.queries import codes_of_schools, networks_by_id

MOST_DISCLOSURES = 100


async def report_on(session: WriteSession, caller: Caller, account: Account) -> ReportOut:
    """All that is kept of a student; that it was told is recorded, and so is in the report.

    Who may not see names is told the rest.
    """
    await disclose(session, caller, Purpose.reported, [account])
    told = select(Disclosure).where(tells_of(account.id))
    newest = told.order_by(col(Disclosure.at).desc(), col(Disclosure.id)).limit(MOST_DISCLOSURES)
    disclosures = (await session.scalars(newest)).all()
    total = await session.scalar(select(func.count()).select_from(told.subquery()))
    networks = await networks_by_id(session, ids_of(one.network_id for one in disclosures))
    codes = {network_id: one.code for network_id, one in networks.items()}
    schools = await codes_of_schools(session, ids_of(one.school_id for one in disclosures))
    return ReportOut(
        account=await _account(session, caller, account),
        edits=_edits(caller, account),
        changes=await _changes(session, caller, account.id),
        targets=await _targets(session, caller, account.id),
        initial_password=await _password(session, account.id),
        disclosures=[disclosure_out(one, codes, schools) for one in disclosures],
        disclosures_total=total or 0,
        schedule=[KeptOut(what=one.what, days=one.days, since=one.since) for one in SCHEDULE],
    )


async def _account(session: ReadSession, caller: Caller, account: Account) -> AccountOut:
    sources = await slugs_of_sources(session, [account.source_id])
    schools = await codes_of_schools(session, [account.school_id])
    return account_out(
        account,
        sources[account.source_id],
        schools[account.school_id],
        sees_names=caller.sees_names,
    )


def _edits(caller: Caller, account: Account) -> list[EditOut]:
    return [
        EditOut(
            field=field,
            at=edit["at"],
            by=edit["by"],
            source=edit["source"] if caller.sees_names else None,
        )
        for field, edit in sorted((account.edits or {}).items())
    ]


async def _changes(
    session: ReadSession, caller: Caller, account_id: UUID
) -> list[ReportedChangeOut]:
    """What imports did to the account, the newest first."""
    of_source = select(col(Account.source_id)).where(col(Account.id) == account_id)
    found = await session.execute(
        select(AccountChange, col(AccountImport.finished_at))
        .join(AccountImport, col(AccountImport.id) == col(AccountChange.import_id))
        .where(
            # By the source's imports, since changes are found by their import.
            col(AccountImport.source_id) == of_source.scalar_subquery(),
            col(AccountChange.account_id) == account_id,
        )
        .order_by(col(AccountImport.finished_at).desc())
    )
    return [_change(caller, change, at) for change, at in found.all()]


async def _targets(
    session: ReadSession, caller: Caller, account_id: UUID
) -> list[ReportedTargetOut]:
    found = await session.execute(
        select(TargetAccount, col(Target.slug))
        .join(Target, col(Target.id) == col(TargetAccount.target_id))
        .where(col(TargetAccount.account_id) == account_id)
        .order_by(col(Target.slug))
    )
    return [
        ReportedTargetOut(
            target=slug,
            desired=Desired(row.desired),
            observed=Observed(row.observed),
            observed_at=row.observed_at,
            remote_name=row.remote_name if caller.sees_names else None,
        )
        for row, slug in found.all()
    ]


async def _password(session: ReadSession, account_id: UUID) -> ReportedPasswordOut | None:
    found = await session.get(InitialPassword, account_id)
    if found is None:
        return None
    given = found.model_dump(include=set(ReportedPasswordOut.model_fields))
    return ReportedPasswordOut(**given)


def _change(caller: Caller, change: AccountChange, at: Any) -> ReportedChangeOut:
    return ReportedChangeOut(
        import_id=change.import_id,
        kind=change.kind,
        at=at,
        before=change.before if caller.sees_names else None,
    )
