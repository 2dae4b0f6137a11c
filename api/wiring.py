"""The only file that knows every room: routers, jobs, and who listens to which fact."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, FastAPI

from api import clock, facts
from api.accounts import jobs as account_jobs
from api.accounts import keeping as account_keeping
from api.accounts import listeners as account_listeners
from api.accounts import routes as account_routes
from api.accounts import suspending
from api.accounts.cards.service import purge_passwords
from api.accounts.targets import credentials as target_credentials
from api.accounts.targets import jobs as target_jobs
from api.accounts.targets.sync import Syncing
from api.auth import routes as auth_routes
from api.auth import service as auth_service
from api.auth import sign_in_routes
from api.db.listen import Listener as Listening
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.devices import jobs as device_jobs
from api.devices import listeners as device_listeners
from api.devices import routes as device_routes
from api.facts import Bus, Listener
from api.http import idempotency
from api.http.door import Door
from api.infrastructure import defining as check_defining
from api.infrastructure import listeners as check_listeners
from api.infrastructure import routes as check_routes
from api.infrastructure.probe import codes as probe_codes
from api.infrastructure.probe import routes as probe_routes
from api.jobs.app import CHANNEL as JOBS_CHANNEL
from api.jobs.app import Job
from api.jobs.worker import run_worker, stop_worker
from api.pd import calendar_routes, credit_routes
from api.pd import jobs as pd_jobs
from api.pd import listeners as pd_listeners
from api.pd import routes as pd_routes
from api.readiness import jobs as readiness_jobs
from api.readiness import routes as readiness_routes
from api.schools import routes as school_routes
from api.settings import Settings
from api.tasks import library
from api.tasks import listeners as task_listeners
from api.tasks import routes as task_routes
from api.tasks import routes_rollouts as rollout_routes
from api.webhooks import bodies as webhook_bodies
from api.webhooks import jobs as webhook_jobs
from api.webhooks import rematch
from api.webhooks import routes as webhook_routes
from api.webhooks import secrets as vendor_secrets
from api.webhooks.intake import Intake

# Whoever knows such a path needs nothing else, so no trace keeps it: calendar links.
SECRET_PATHS = (".ics",)
# What a `Listener` hears for open pages, and with a worker in its process: each hearing costs, and
# one follows every commit of intake. A channel is named here before anybody subscribes to it.
PAGE_CHANNELS = ("school_changed", "inbox_settled")
CHANNELS = (*PAGE_CHANNELS, JOBS_CHANNEL, "inbox", "targets")


# Who listens to which fact, in the order in which they are told.
LISTENERS: tuple[tuple[type, Listener], ...] = (
    (facts.SchoolAdded, task_listeners.on_school_added),
    (facts.SchoolsAdded, task_listeners.on_schools_added),
    (facts.RolloutsProposed, task_listeners.on_rollouts_proposed),
    (facts.RolloutsWished, task_listeners.on_rollouts_wished),
    (facts.EnrollmentChanged, device_listeners.on_enrollment_changed),
    (facts.EnrollmentsChanged, device_listeners.on_enrollments_changed),
    (facts.ReceivingChanged, device_listeners.on_receiving_changed),
    (facts.PlaybookApplied, device_listeners.on_playbook_applied),
    (facts.RolloutsChanged, device_listeners.on_rollouts_changed),
    (facts.EvidenceStated, device_listeners.on_evidence_stated),
    (facts.EnrollmentChanged, account_listeners.on_enrollment_changed),
    (facts.EnrollmentsChanged, account_listeners.on_enrollments_changed),
    (facts.PlaybookApplied, account_listeners.on_playbook_applied),
    (facts.RolloutsChanged, account_listeners.on_rollouts_changed),
    (facts.EvidenceStated, account_listeners.on_evidence_stated),
    (facts.EnrollmentChanged, check_listeners.on_enrollment_changed),
    (facts.EnrollmentsChanged, check_listeners.on_enrollments_changed),
    (facts.PlaybookApplied, check_listeners.on_playbook_applied),
    (facts.RolloutsChanged, check_listeners.on_rollouts_changed),
    (facts.EvidenceStated, check_listeners.on_evidence_stated),
    (facts.EnrollmentChanged, pd_listeners.on_enrollment_changed),
    (facts.EnrollmentsChanged, pd_listeners.on_enrollments_changed),
    (facts.StaffChanged, pd_listeners.on_staff_changed),
    (facts.StaffsChanged, pd_listeners.on_staffs_changed),
    (facts.PlaybookApplied, pd_listeners.on_playbook_applied),
    (facts.RolloutsChanged, pd_listeners.on_rollouts_changed),
    (facts.EvidenceStated, pd_listeners.on_evidence_stated),
    (facts.OrderPlaced, rematch.on_order_placed),
    (facts.OrderChanged, rematch.on_order_changed),
    (facts.ShipmentsOpened, rematch.on_shipments_opened),
)


def build_bus() -> Bus:
    """A bus with every listener on it."""
    bus = Bus()
    for fact, listener in LISTENERS:
        bus.subscribe(fact, listener)
    return bus


def routers() -> list[APIRouter]:
    """Every room's routers; routes are tried in this order, so what is asked most comes first.

    Behind all others the readiness of a school was found after 60 routes, a third of its time.
    """
    return [
        readiness_routes.router,
        pd_routes.rush,
        # Most of these come through the door.
        webhook_routes.intake,
        calendar_routes.feeds,
        sign_in_routes.open_router,
        sign_in_routes.elsewhere_router,
        auth_routes.router,
        school_routes.router,
        rollout_routes.router,
        task_routes.router,
        device_routes.router,
        account_routes.router,
        check_routes.router,
        probe_routes.router,
        pd_routes.router,
        calendar_routes.router,
        credit_routes.router,
        webhook_routes.router,
    ]


def upload_routers() -> list[APIRouter]:
    """The routers whose bodies are files, and may be as large as `max_upload_bytes`."""
    return [school_routes.uploads, device_routes.uploads, account_routes.files]


def roster_routers() -> list[APIRouter]:
    """The routers whose bodies are streamed, and may be as large as `max_roster_bytes`."""
    return [account_routes.uploads]


def build_intake(database: Database, settings: Settings) -> Intake:
    """What takes in webhooks for this process. Raises: Invalid without a secret key."""
    return Intake(database, vendor_secrets.sealer_for(settings))


def add_doors(app: FastAPI) -> None:
    """Let what is asked most go past the router; added before all other middleware."""
    app.add_middleware(Door, ways=(webhook_routes.SHORT_WAY, calendar_routes.SHORT_WAY))


async def prepare(database: Database) -> None:
    """What every start makes sure of, before it serves: the shipped playbooks and checks."""
    await transact(database, "job:start", library.ship)
    await transact(database, check_defining.SHIPPER, check_defining.ship)


async def purge(database: Database) -> None:
    """Delete what has expired: answers, sign-ins, links, secrets, uploads, passwords."""

    async def expired(session: WriteSession) -> None:
        now = clock.now()
        await idempotency.purge_expired(session, now)
        await auth_service.purge_expired(session, now)
        await vendor_secrets.purge_retired(session, now)
        await probe_codes.purge_retired(session, now)
        await account_keeping.forget_uploads(session)
        await purge_passwords(session, now)

    await transact(database, "job:purge", expired)


async def refresh(database: Database) -> None:
    """What time alone changes: first bells that passed, answers that ran out."""
    await readiness_jobs.open_schools(database)
    await readiness_jobs.refresh_due(database)


async def work(
    database: Database, listener: Listening, settings: Settings, *, concurrency: int = 4
) -> None:
    """All that a worker does, until cancelled: jobs, the inbox, and the targets' queues."""
    sealer = vendor_secrets.sealer_for(settings)
    inbox = asyncio.create_task(webhook_jobs.run_inbox(database, listener, sealer), name="inbox")
    syncing = Syncing(database, target_credentials.sealer_for(settings), settings.private_targets)
    targets = asyncio.create_task(target_jobs.run_targets(syncing, listener), name="targets")
    try:
        await run_worker(database, listener, jobs(settings), concurrency=concurrency)
    finally:
        await stop_worker(inbox)
        await stop_worker(targets)


def jobs(settings: Settings) -> list[Job]:
    """Every job there is; a worker runs no other."""
    return [
        Job("purge", purge, cron="7 * * * *", alone=True),
        Job("refresh", refresh, cron="* * * * *", alone=True),
        Job("learn", device_jobs.learn, cron="17 5 * * *", alone=True),
        account_jobs.import_job(settings),
        account_jobs.undo_job(settings),
        account_jobs.retention_job(settings),
        Job("account_imports", account_keeping.look_after, cron="* * * * *", alone=True),
        Job("suspend_missing", suspending.suspend_missing, cron="27 4 * * *", alone=True),
        Job("targets", target_jobs.look_after, cron="* * * * *", alone=True),
        Job("target_drift", target_jobs.ask_for_drift, cron="41 6 * * *", alone=True),
        Job("pd_offers", pd_jobs.pass_on_offers, cron="* * * * *", alone=True),
        webhook_bodies.forgetting_job(settings),
        Job("inbox", webhook_jobs.look_after, cron="* * * * *", alone=True),
    ]
