"""Orders: made, changed, approved, placed, held, cancelled and closed."""

from __future__ import annotations

from api.devices.queries import find_order, find_order_by_number

__all__ = ["find_order", "find_order_by_number"]
