"""Units of measurement: the same amount said in another unit of its family. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

# Units by family, each as how many of the family's base unit it is.
_FAMILIES: tuple[Mapping[str, Decimal], ...] = (
    {
        "bps": Decimal(1),
        "kbps": Decimal(10) ** 3,
        "Mbps": Decimal(10) ** 6,
        "Gbps": Decimal(10) ** 9,
        "Tbps": Decimal(10) ** 12,
    },
    {"us": Decimal(1), "ms": Decimal(10) ** 3, "s": Decimal(10) ** 6, "min": 60 * Decimal(10) ** 6},
    {"ratio": Decimal(100), "percent": Decimal(1)},
    {"W": Decimal(1), "kW": Decimal(10) ** 3},
    {"dBm": Decimal(1)},
    {"dB": Decimal(1)},
    {"C": Decimal(1)},
)
# What a technician or a tool may write for them; compared without case otherwise.
_SPELLINGS = {
    "bps": "b/s bit/s bits/s",
    "kbps": "kb/s kbit/s kbits/s",
    "Mbps": "mb/s mbit/s mbits/s",
    "Gbps": "gb/s gbit/s gbits/s",
    "Tbps": "tb/s tbit/s tbits/s",
    "us": "µs μs microseconds",
    "ms": "msec milliseconds",
    "s": "sec second seconds",
    "min": "minute minutes",
    "percent": "% pct",
    "C": "°c celsius",
}
_UNIT_OF = {
    **{name.lower(): name for family in _FAMILIES for name in family},
    **{spelled: unit for unit, others in _SPELLINGS.items() for spelled in others.split()},
}
# Bytes are not bits: these would be taken for eight times too little.
_AMBIGUOUS = frozenset({"B/s", "kB/s", "KB/s", "MB/s", "GB/s", "Bps", "kBps", "MBps", "GBps"})
_FAMILY_OF = {name: family for family in _FAMILIES for name in family}
# Below zero they are as usual as above it.
_SIGNED = frozenset({"dBm", "dB", "C"})
# A share has all at most; a watt (30 dBm) is sent and never received.
_MOST = {"percent": Decimal(100), "ratio": Decimal(1), "dBm": Decimal(30)}
_MEND = {
    "percent": "A share is at most 100 %; check the decimal point.",
    "ratio": "A share is at most 1; for percent, say that as the unit.",
    "dBm": "What is received is below 0: send it with its minus sign, such as -67.",
}
# Measured values are kept to a millionth of their unit.
_STEP = Decimal("0.000001")
_LARGEST = Decimal(10) ** 15
_TOO_FAR = "No instrument shows so much: check the unit and the decimal point."


def normal_unit(given: str) -> str | None:
    """The unit as it is stored; one of no known family is taken as written, in lower case.

    None for units of bytes, in which nothing here is measured.
    """
    text = given.strip()
    if text in _AMBIGUOUS:
        return None
    return _UNIT_OF.get(text.lower(), text.lower())


def converted(value: Decimal, unit: str, wanted: str) -> Decimal | None:
    """The value in the unit `wanted`, both as `normal_unit` gives them; None where it has none."""
    family = _FAMILY_OF.get(unit, {unit: Decimal(1)})
    if wanted not in family:
        return None
    # Without trailing zeros, and 1000 not as 1E+3.
    return (value * family[unit] / family[wanted]).quantize(_STEP).normalize() + 0


def alike(unit: str) -> tuple[str, ...]:
    """The units that can be converted into this one, itself among them."""
    return tuple(_FAMILY_OF.get(unit, {unit: Decimal(1)}))


def is_counted(unit: str) -> bool:
    """Whether it is a word for things, such as devices, of which there are no parts."""
    return unit not in _FAMILY_OF


def impossible(value: Decimal, unit: str) -> str | None:
    """Why nothing of that unit can measure so much, and how to mend it; null where it can."""
    if value < 0 and unit not in _SIGNED:
        return f"{unit} begin at 0: send what was measured, without the minus sign."
    if value > _MOST.get(unit, _LARGEST):
        return _MEND.get(unit, _TOO_FAR)
    return _TOO_FAR if value < -_LARGEST else None


def amount(value: Decimal, unit: str) -> str:
    """For a sentence: `1,720 Mbps`, `-67 dBm`, `98.5 %`."""
    text = f"{value:,.2f}" if abs(value) >= 10 else f"{value:.4f}"
    text = text.rstrip("0").rstrip(".")
    return f"{text} {'%' if unit == 'percent' else unit}"
