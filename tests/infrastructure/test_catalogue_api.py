"""The catalogue: shared checks, a network's own in their place, versions that judge anew."""

from __future__ import annotations

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.infrastructure import defining
from api.infrastructure.check_schemas import CheckIn
from api.infrastructure.shipped_checks import shipped_checks
from tests.infrastructure.conftest import INTERNET, As, Body, Caller, measure, rows, stands

OWN: Body = {
    "slug": INTERNET,
    "title": "Our line",
    "network": "N",
    "unit": "Gbps",
    "comparator": ">=",
    "threshold": {"kind": "constant", "value": 2},
    "freshness_days": 30,
    "method": "From the contract.",
    "source": "Our engineers",
}


async def test_the_shipped_checks_are_everybodys(admin: Caller, schools: dict[str, Body]) -> None:
    listed = (await admin.get("/checks?limit=1000"))["items"]
    assert [one["slug"] for one in listed] == sorted(one.slug for one in shipped_checks())
    found = await admin.get(f"/checks/{INTERNET}")
    assert found["network"] is None
    assert found["threshold"]["bands"][0] == {"below": 1000, "value": 4.3, "at_least": 300}
    assert "SETDA" in found["source"]
    assert (await admin.answer("GET", "/checks/no_such")).status_code == 404
    page = await admin.get("/checks?limit=1&sort=-title")
    assert len(page["items"]) == 1


async def test_a_networks_own_check_takes_the_place_of_a_shared_one(
    admin: Caller, calling: As, prepared: dict[str, Body]
) -> None:
    await measure(admin, 1800)
    own = await admin.post("/checks", OWN, 201)
    # What was measured counts for it, in its unit and by its threshold.
    now = await stands(admin)
    assert (now["check_id"], now["verdict"]) == (own["id"], "failed")
    assert now["why"] == "2 Gbps needed, measured 1.8 Gbps"
    assert (await admin.tasks())["infrastructure.internet"]["progress_done"] == 0
    await measure(admin, 2100, unit="Mbps")
    assert (await stands(admin))["value"] == 2.1
    history = (await admin.get(f"/schools/A/checks/{INTERNET}/results"))["items"]
    assert [(one["value"], one["unit"]) for one in history] == [(2.1, "Gbps"), (1800, "Mbps")]
    of_network = (await admin.get("/checks?network=N&limit=1000"))["items"]
    assert [one["id"] for one in of_network if one["slug"] == INTERNET] == [own["id"]]
    # A caller of the network means its own; everybody's is still everybody's.
    async with calling(Role.ops, network_id=prepared["A"]["network_id"]) as ops:
        assert (await ops.get(f"/checks/{INTERNET}"))["id"] == own["id"]
        refused = await ops.answer(
            "PATCH", "/checks/wifi_signal", {"freshness_days": 90}, if_match="*"
        )
        assert refused.status_code == 403
        assert "takes its place" in refused.json()["detail"]
    assert (await admin.post("/checks", OWN, 409))["code"] == "check-taken"
    # Archived, it gives way again.
    await admin.patch(f"/checks/{own['id']}", {"archived": True})
    back = await stands(admin)
    assert (back["unit"], back["verdict"], back["value"]) == ("Mbps", "passed", 2100)


async def test_a_threshold_that_nothing_can_be_is_refused(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    never = {"unit": "percent", "threshold": {"kind": "constant", "value": 950}}
    refused = await admin.post("/checks", OWN | never, 422)
    assert refused["detail"].startswith("950 % can never be measured. A share is at most 100 %")
    await admin.post("/checks", OWN | never | {"threshold": {"kind": "constant", "value": 95}}, 201)
    made = (await admin.get("/checks?network=N&limit=1000"))["items"]
    own = next(one["id"] for one in made if one["slug"] == INTERNET)
    # 95 % are possible, 95 as a ratio are not.
    patched = await admin.patch(f"/checks/{own}", {"unit": "ratio"}, 422)
    assert [one["pointer"] for one in patched["errors"]] == ["/threshold/value"]


async def test_a_new_version_judges_old_results_and_keeps_what_they_were_held_to(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    await measure(admin, 1800)
    changed = await admin.patch(
        f"/checks/{INTERNET}", {"threshold": {"kind": "per_user", "value": 5}}
    )
    assert changed["version"] == 2
    now = await stands(admin)
    assert (now["verdict"], now["version"], now["needed"]) == ("failed", 2, 2000)
    task = (await admin.tasks())["infrastructure.internet"]
    assert task["cause"] == "2,000 Mbps needed (400 users x 5), measured 1,800 Mbps"
    (kept,) = (await admin.get(f"/schools/A/checks/{INTERNET}/results"))["items"]
    assert (kept["check_version"], kept["needed"], kept["outcome"]) == (1, 1720, "passed")
    await admin.patch(f"/checks/{INTERNET}", {"severity": "warning"})
    task = (await admin.tasks())["infrastructure.internet"]
    assert (task["status"], task["cause"][:8]) == ("done", "Warning:")
    # Saying what is there makes no version; a stale reader is told.
    same = await admin.patch(f"/checks/{INTERNET}", {"severity": "warning"})
    assert same["version"] == 3
    old = await admin.answer("PATCH", f"/checks/{INTERNET}", {"title": "X"}, if_match='"old"')
    assert old.status_code == 412
    versions = (await admin.get(f"/checks/{INTERNET}/versions"))["items"]
    assert [(one["version"], one["severity"]) for one in versions] == [
        (3, "warning"),
        (2, "gate"),
        (1, "gate"),
    ]
    assert [one["by"] for one in versions] == ["admin", "admin", "job:start"]
    forever = await admin.patch(f"/checks/{INTERNET}", {"freshness_days": None})
    assert forever["freshness_days"] is None
    assert (await stands(admin))["valid_until"] is None


async def test_a_playbooks_task_follows_the_check_its_version_named(
    admin: Caller, schools: dict[str, Body]
) -> None:
    """Also tasks that a newer version left out, and those a person made."""
    source = """\
name: plan
version: {version}
title: Plan
model: flexible
summary: Some checks.
devices_per_student: 1
spare_percent: 5
default_lead_days: 30
checks: [{checks}]
tasks:
"""
    task = (
        "  - {{key: infrastructure.{key}, title: T, kind: check, check: {check}, owner_role: tech,"
        " duration: [1, 1, 1], description: Do it.}}\n"
    )

    async def publish(version: int, **named: str) -> None:
        text = source.format(version=version, checks=", ".join(sorted(set(named.values()))))
        text += "".join(task.format(key=key, check=check) for key, check in named.items())
        await admin.post("/playbooks", {"source": text, "network": "N"}, 201)
        await admin.post("/networks/N/rollouts", {"playbook": "plan", "schools": ["A"]})

    await publish(1, one="wifi_signal", two="wifi_snr")
    await publish(2, one="wifi_snr")
    await admin.task("check:dns_answers", kind="check", workstream="infrastructure")
    await measure(admin, 30, check="wifi_snr")
    await measure(admin, 100, check="dns_answers")
    tasks = await admin.tasks()
    done = {key for key, one in tasks.items() if one["progress_done"]}
    assert done == {"infrastructure.one", "infrastructure.two", "check:dns_answers"}
    assert tasks["infrastructure.two"]["cause"] == "25 dB needed, measured 30 dB"
    # A plan may come before its check.
    await publish(3, three="lockers")
    assert (await admin.tasks())["infrastructure.three"]["progress_total"] is None
    lockers = {"slug": "lockers", "unit": "lockers", "threshold": {"kind": "constant", "value": 9}}
    await admin.post("/checks", OWN | lockers, 201)
    assert (await admin.tasks())["infrastructure.three"]["cause"] == (
        "9 lockers needed, not measured yet"
    )


async def test_checks_that_do_not_concern_a_model_are_done_until_it_changes(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    key = "infrastructure.filter_off_site"
    assert (await admin.tasks())[key]["status"] == "pending"
    await admin.patch("/schools/A/rollout", {"model": "lab_rotation"})
    task = (await admin.tasks())[key]
    assert task["status"] == "done"
    assert task["cause"] == "Not applicable: asked of one to one only, and A runs lab rotation"
    await admin.patch("/schools/A/rollout", {"model": "one_to_one"})
    assert (await admin.tasks())[key]["progress_done"] == 0


async def test_a_newer_shipped_definition_comes_in_where_nobody_changed_it(
    admin: Caller, database: Database, prepared: dict[str, Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    await measure(admin, 1800)
    await admin.patch("/checks/wifi_signal", {"freshness_days": 90})
    stricter = {"kind": "constant", "value": 3000}
    newer = tuple(
        CheckIn.model_validate(one.model_dump(mode="json") | {"threshold": stricter})
        if one.slug in (INTERNET, "wifi_signal")
        else one
        for one in shipped_checks()
    )
    monkeypatch.setattr(defining, "shipped_checks", lambda: newer)

    async def start(session: WriteSession) -> None:
        await defining.ship(session)

    for _ in range(2):
        await transact(database, defining.SHIPPER, start)
    assert (await stands(admin))["why"] == "3,000 Mbps needed, measured 1,800 Mbps"
    assert (await admin.tasks())["infrastructure.internet"]["progress_done"] == 0
    versions = {row[0]: row[1] for row in await rows(database, "SELECT slug, version FROM checks")}
    assert (versions[INTERNET], versions["wifi_signal"], versions["wifi_snr"]) == (2, 2, 1)
    assert (await admin.get("/checks/wifi_signal"))["freshness_days"] == 90
