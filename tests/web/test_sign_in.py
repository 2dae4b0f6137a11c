"""Signing in and out: password, one-time link, identity provider, and what a viewer is shown."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.web.conftest import Visitor, visiting
from tests.web.world import EMAIL, PASSWORD, VIEWER, World, one_time_link


def enter(visitor: Visitor, email: str, password: str) -> None:
    visitor.page.get_by_label("Email").fill(email)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("button", name="Sign in").click()


def test_who_is_not_signed_in_is_asked_to_and_comes_back(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        visitor.open("/schools/ALPHA?view=tasks")
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
        enter(visitor, EMAIL, PASSWORD)
        expect(visitor.page.get_by_role("heading", name="Alpha Academy")).to_be_visible()
        assert visitor.page.url == f"{world.url}/schools/ALPHA?view=tasks"


def test_a_wrong_password_is_told_in_place(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        visitor.expected = {401}
        visitor.open("/sign-in")
        enter(visitor, EMAIL, "a wrong password")
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_contain_text("The email or the password is wrong.")
        expect(alert).to_contain_text("Request ")
        enter(visitor, EMAIL, PASSWORD)
        expect(visitor.page.get_by_role("navigation", name="Pages")).to_be_visible()


def test_a_link_never_leads_to_another_site(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        visitor.open("/sign-in?next=//elsewhere.example/")
        enter(visitor, EMAIL, PASSWORD)
        visitor.page.get_by_role("navigation", name="Pages").wait_for()
        assert visitor.page.url == f"{world.url}/"


def test_a_one_time_link_signs_in_once_and_leaves_no_secret(browser: Browser, world: World) -> None:
    secret = one_time_link(world, EMAIL)
    with visiting(browser, world) as visitor:
        visitor.open(f"/sign-in#token={secret}")
        visitor.page.get_by_role("navigation", name="Pages").wait_for()
        assert secret not in visitor.page.url
    with visiting(browser, world) as visitor:
        visitor.expected = {401}
        visitor.open(f"/sign-in#token={secret}")
        expect(visitor.page.get_by_role("heading")).to_have_text("This link does not work")
        visitor.page.get_by_role("link", name="Sign in with a password").click()
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_invitation_asks_for_a_password(browser: Browser, world: World) -> None:
    invited = world.api.post(
        "/v1/users", json={"email": "new@schools.example", "name": "New Person", "role": "ops"}
    ).json()
    with visiting(browser, world) as visitor:
        visitor.expected = {422}
        visitor.open(f"/sign-in#token={invited['link']['token']}")
        expect(visitor.page.get_by_role("heading")).to_have_text("Choose a password")
        visitor.page.get_by_label("New password").fill("short")
        visitor.page.get_by_role("button", name="Save and sign in").click()
        expect(visitor.page.get_by_role("alert")).to_contain_text("at least 12 characters")
        visitor.page.get_by_label("New password").fill("twelve apples in a row")
        visitor.page.get_by_role("button", name="Save and sign in").click()
        expect(visitor.page.get_by_text("New Person").first).to_be_visible()


def test_signing_out_ends_it_everywhere(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        visitor.open("/sign-in")
        enter(visitor, VIEWER, PASSWORD)
        # The frame is drawn again with the page: a menu opened before would be closed by it.
        expect(visitor.page.get_by_role("table")).to_be_visible()
        visitor.page.locator("summary").click()
        visitor.page.get_by_role("button", name="Sign out").click()
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
        visitor.open("/schools/ALPHA")
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_who_may_only_read_sees_no_button_that_acts(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        visitor.open("/sign-in?next=/schools/ALPHA")
        enter(visitor, VIEWER, PASSWORD)
        page = visitor.page
        expect(page.get_by_role("heading", name="In the way")).to_be_visible()
        expect(page.locator(".blocker")).to_have_count(1)
        for name in ("Start", "Complete", "Record evidence", "Request waiver", "Change first bell"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_a_sign_in_that_ended_meanwhile_leads_back_to_the_page(
    browser: Browser, world: World
) -> None:
    with visiting(browser, world) as visitor:
        visitor.expected = {401}
        visitor.open("/sign-in")
        enter(visitor, EMAIL, PASSWORD)
        visitor.page.get_by_role("link", name="Alpha Academy").wait_for()
        visitor.page.context.clear_cookies()
        visitor.page.get_by_role("link", name="Actions").click()
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert visitor.page.url.endswith("/sign-in?next=%2Factions")


def test_the_identity_provider_is_offered_and_its_refusal_is_told(
    browser: Browser, world: World
) -> None:
    with visiting(browser, world) as visitor:
        visitor.open("/sign-in#problem=oidc-refused")
        offer = visitor.page.get_by_role("link", name="Sign in with your organisation")
        expect(offer).to_have_attribute("href", "/v1/sign-in/oidc")
        expect(visitor.page.get_by_role("alert")).to_contain_text("did not let you in")
        assert visitor.page.url == f"{world.url}/sign-in"
