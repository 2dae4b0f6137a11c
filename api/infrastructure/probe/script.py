"""The probe as it is handed out: its file, with the server's address and the list in it. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from api.errors import Invalid, field_error
from api.infrastructure.probe.listed import shipped_list

_MARK = 'EMBEDDED = r"""\n{}\n"""'


@cache
def _source() -> str:
    return files(__package__).joinpath("probe.py").read_text("utf-8")


def furnished(server: str, school: str | None, suites: Collection[str]) -> str:
    """The file for a server, a school named beforehand, and the services of these suites (none: of
    all). Nothing in it is a secret, and nobody is asked whether there is such a school.

    Raises: Invalid for a suite that the list does not have.
    """
    known = [one.id for one in shipped_list().suites]
    if wrong := sorted(set(suites) - set(known)):
        detail = f"There is no suite {wrong[0][:40]!r}; the list has {', '.join(known)}."
        error = field_error("/suites", "suite-unknown", detail)
        raise Invalid(detail, errors=[{"in": "query", **error}])
    document = {
        "server": server,
        "school": school,
        "services": [one.document() for one in shipped_list().of(suites)],
    }
    # JSON never has three quotes in a row, which alone would end the literal.
    text = json.dumps(document, indent=1)
    whole = _source()
    if whole.count(_MARK) != 1:
        raise RuntimeError("the probe has no place for its list")
    return whole.replace(_MARK, f'EMBEDDED = r"""\n{text}\n"""')
