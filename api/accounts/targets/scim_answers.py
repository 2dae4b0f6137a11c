"""What a SCIM server's answer means for the account it was about."""

from __future__ import annotations

from typing import Any

import httpx

from api.accounts.targets.adapter import Order, Result, TargetFails
from api.accounts.targets.rules import Action, Outcome
from api.accounts.targets.scim_http import Answer

# Where a server asks for patience without saying how much.
_HOLD_SECONDS = 30.0
_GONE = frozenset({404, 410})


def result(order: Order, outcome: Outcome, **more: Any) -> Result:
    """A result that keeps what is known of the account there, unless told otherwise."""
    known = {
        "remote_id": order.remote_id,
        "remote_name": order.remote_name,
        "etag": order.etag,
        "doubtful": order.doubtful and outcome is not Outcome.done,
    }
    return Result(order.account_id, outcome, **(known | more))


def doubted(error: Exception) -> TargetFails:
    """What kind of failure it was; all but `unreachable` may have reached the server."""
    if isinstance(error, TargetFails):
        return error
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return TargetFails("unreachable")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return TargetFails("timed-out")
    return TargetFails("dropped" if isinstance(error, httpx.TransportError) else "garbage")


def judged(order: Order, answer: Answer) -> Result:
    """The result of an order that nobody's account stands in the way of."""
    if answer.is_success:
        return _succeeded(order, answer)
    if answer.status in (401, 403):
        return _failed(order, "credentials-refused", Outcome.untried, refused=True)
    if answer.status == 429 or (answer.status == 503 and answer.hold is not None):
        hold = _HOLD_SECONDS if answer.hold is None else answer.hold
        return _failed(order, "held", Outcome.untried, hold_seconds=hold)
    if answer.status in _GONE and order.action is Action.delete:
        return result(order, Outcome.done)
    if answer.status in _GONE and order.remote_id is not None:
        # It was deleted there; what is desired is made again, unless it is there by our id.
        gone = {"remote_id": None, "etag": None, "doubtful": True}
        return result(order, Outcome.again, error="gone", **gone)
    if answer.status < 400 or answer.status in _GONE:
        # A redirect is not followed: who we send students' names to was decided by a person.
        return _failed(order, "redirected" if answer.status < 400 else "not-found")
    if answer.status >= 500 or answer.status in (408, 412, 425):
        return _failed(order, f"answered-{answer.status}")
    error = f"rejected-{answer.status}"
    if order.password is not None and answer.scim_type == "invalidValue":
        error = "password-refused"
    return result(order, Outcome.never, error=error, doubtful=False)


def _succeeded(order: Order, answer: Answer) -> Result:
    unread = answer.garbage or answer.status not in (200, 201, 204)
    if order.action is Action.create:
        unread = unread or answer.remote_id is None
    elif answer.status == 200 and answer.body is not None:
        unread = unread or answer.remote_id != order.remote_id
    if unread:
        return _failed(order, "garbage")
    remote_id = answer.remote_id or order.remote_id
    told = order.password is not None
    return result(order, Outcome.done, remote_id=remote_id, etag=answer.etag, told=told)


def _failed(order: Order, error: str, outcome: Outcome = Outcome.again, **more: Any) -> Result:
    """A failure of the target's; what was to be made may have been made all the same."""
    clean = outcome is Outcome.untried
    doubtful = order.doubtful or (order.remote_id is None and not clean)
    return result(order, outcome, error=error, doubtful=doubtful, outage=not clean, **more)
