"""How many pieces a place may take, and how serial numbers compare. Pure."""

from __future__ import annotations


def normal_serial(serial: str) -> str:
    """A serial number as it is kept and compared: in upper case and without spaces."""
    return "".join(serial.split()).upper()
