"""Bodies as vendors write them, each of one status of one shipment."""

from __future__ import annotations

from typing import Any

NUMBER = "1Z999AA10123456784"


def standard(**data: Any) -> dict[str, Any]:
    return {
        "type": "shipment.updated",
        "timestamp": "2026-08-03T15:00:00Z",
        "data": {
            "order_number": "PO-7",
            "carrier": "UPS",
            "tracking_number": NUMBER,
            "status": "in_transit",
            "occurred_at": "2026-08-03T09:05:00-05:00",
            **data,
        },
    }


def easypost(status: str, **tracker: Any) -> dict[str, Any]:
    result = {"tracking_code": NUMBER, "carrier": "UPS", "status": status, **tracker}
    return {"id": "evt_1", "description": "tracker.updated", "result": result}


def shippo(status: str, code: str | None = None, *, action: bool = False) -> dict[str, Any]:
    latest = {
        "status": status,
        "status_date": "2026-08-03T14:05:00Z",
        "substatus": code and {"code": code, "action_required": action},
    }
    data = {"carrier": "ups", "tracking_number": NUMBER, "tracking_status": latest}
    return {"event": "track_updated", "test": False, "data": data}


def aftership(tag: str, subtag: str | None = None, **msg: Any) -> dict[str, Any]:
    told = {"tracking_number": NUMBER, "slug": "ups", "tag": tag, "subtag": subtag, **msg}
    return {"event": "tracking_update", "event_id": "1", "msg": told, "ts": 1785765900}


def seventeen(status: str, sub: str | None = None, **info: Any) -> dict[str, Any]:
    info = {
        "latest_status": {"status": status, "sub_status": sub},
        "latest_event": {"time_iso": "2026-08-03T09:05:00-05:00"},
        **info,
    }
    data = {"number": NUMBER, "carrier": 100002, "tag": None, "track_info": info}
    return {"event": "TRACKING_UPDATED", "data": data}


def shipengine(code: str, detail: str | None = None, **data: Any) -> dict[str, Any]:
    told = {
        "tracking_number": NUMBER,
        "carrier_code": "ups",
        "status_code": code,
        "status_detail_code": detail,
        **data,
    }
    return {"resource_type": "API_TRACK", "data": told}
