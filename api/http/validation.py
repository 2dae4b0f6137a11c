"""What Pydantic found wrong with a request, in sentences that never repeat the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic_core.core_schema import ErrorType

from api.errors import FirstBellError, Invalid, Malformed, field_error

_BUILT_IN = frozenset(get_args(ErrorType))
_MOST_ERRORS = 100
# Pydantic's type -> our code and sentence. `{}` names are limits from the schema, never input.
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "This is required."),
    "extra_forbidden": ("unknown-field", "There is no such field."),
    "string_type": ("not-text", "This must be text."),
    "string_too_short": ("too-short", "This must have at least {min_length} characters."),
    "string_too_long": ("too-long", "This may have at most {max_length} characters."),
    "string_pattern_mismatch": ("pattern", "This must match the pattern {pattern}."),
    "int_type": ("not-an-integer", "This must be a whole number."),
    "int_parsing": ("not-an-integer", "This must be a whole number."),
    "int_from_float": ("not-an-integer", "This must be a whole number."),
    "int_parsing_size": ("out-of-range", "This number has too many digits."),
    "float_type": ("not-a-number", "This must be a number."),
    "float_parsing": ("not-a-number", "This must be a number."),
    "decimal_type": ("not-a-number", "This must be a number."),
    "decimal_parsing": ("not-a-number", "This must be a number."),
    "decimal_max_digits": ("out-of-range", "This number has too many digits."),
    "decimal_whole_digits": ("out-of-range", "This number has too many digits."),
    "decimal_max_places": ("out-of-range", "This may have {decimal_places} decimals at most."),
    "finite_number": ("not-a-number", "This must be a finite number."),
    "bool_type": ("not-a-boolean", "This must be true or false."),
    "bool_parsing": ("not-a-boolean", "This must be true or false."),
    "greater_than": ("out-of-range", "This must be greater than {gt}."),
    "greater_than_equal": ("out-of-range", "This must be at least {ge}."),
    "less_than": ("out-of-range", "This must be less than {lt}."),
    "less_than_equal": ("out-of-range", "This must be at most {le}."),
    "multiple_of": ("out-of-range", "This must be a multiple of {multiple_of}."),
    "too_short": ("too-few", "This must have at least {min_length} items."),
    "too_long": ("too-many", "This may have at most {max_length} items."),
    "list_type": ("not-a-list", "This must be a list."),
    "set_type": ("not-a-list", "This must be a list."),
    "tuple_type": ("not-a-list", "This must be a list."),
    "dict_type": ("not-an-object", "This must be an object."),
    "model_type": ("not-an-object", "This must be an object."),
    "model_attributes_type": ("not-an-object", "This must be an object."),
    "enum": ("not-a-choice", "This must be {expected}."),
    "literal_error": ("not-a-choice", "This must be {expected}."),
    "union_tag_invalid": ("not-a-choice", "This must be {expected_tags}."),
    "uuid_type": ("not-an-id", "This must be a UUID."),
    "uuid_parsing": ("not-an-id", "This must be a UUID."),
    "date_type": ("not-a-date", "This must be a date such as 2027-08-23."),
    "date_parsing": ("not-a-date", "This must be a date such as 2027-08-23."),
    "date_from_datetime_parsing": ("not-a-date", "This must be a date such as 2027-08-23."),
    "date_from_datetime_inexact": ("not-a-date", "This must be a date without a time."),
    "datetime_type": ("not-a-time", "This must be a time such as 2027-08-23T12:00:00Z."),
    "datetime_parsing": ("not-a-time", "This must be a time such as 2027-08-23T12:00:00Z."),
    "datetime_from_date_parsing": (
        "not-a-time",
        "This must be a time such as 2027-08-23T12:00:00Z.",
    ),
    "timezone_aware": ("no-timezone", "This time needs a timezone, such as Z."),
}


def translate(error: RequestValidationError) -> FirstBellError:
    """Malformed (400) when the body itself cannot be read, Invalid (422) for its fields."""
    found = error.errors()
    first = found[0]
    if first["type"] == "json_invalid":
        at = first["loc"][-1]
        return Malformed(f"The body is not JSON: it cannot be read from character {at} on.")
    # A rule of ours about several fields at once is broken by a document that was read.
    if any(one["loc"] == ("body",) and one["type"] in _BUILT_IN for one in found):
        detail = "The body must be a JSON document of the kind this operation describes."
        return Malformed(detail, errors=[field_error("", "body", detail)])
    entries: dict[tuple[str, str, str], dict[str, str]] = {}
    for one in found:
        entry = _entry(one, error.body)
        entries.setdefault((entry.get("in", ""), entry["pointer"], entry["code"]), entry)
    errors = list(entries.values())
    count = "One value is" if len(errors) == 1 else f"{len(errors)} values are"
    return Invalid(f"{count} not acceptable; `errors` says which.", errors=errors[:_MOST_ERRORS])


def _entry(one: Mapping[str, Any], body: Any) -> dict[str, str]:
    place, *path = one["loc"]
    code, sentence = _sentence(one)
    if place == "body":
        return field_error(_body_pointer(path, body, one["type"]), code, sentence)
    return {"in": str(place), **field_error(_join(path), code, sentence)}


def _sentence(one: Mapping[str, Any]) -> tuple[str, str]:
    kind: str = one["type"]
    if kind in _SENTENCES:
        code, template = _SENTENCES[kind]
        return code, template.format_map(one.get("ctx", {}))
    if kind == "value_error":
        # Raised by a validator of ours, which speaks in sentences of its own.
        return "invalid", str(one["ctx"]["error"])
    if kind not in _BUILT_IN:
        return kind.replace("_", "-"), one["msg"]
    # The built-in text may quote the input.
    return kind.replace("_", "-"), "This is not a value that can be used here."


def _body_pointer(path: Sequence[str | int], body: Any, kind: str) -> str:
    """The JSON pointer (RFC 6901) of the part of the document an error is about.

    Pydantic's location also names the branch of a union it tried; that is not in the document,
    and left out.
    """
    kept: list[str | int] = []
    for index, step in enumerate(path):
        in_object = isinstance(body, dict) and step in body
        if in_object or (isinstance(body, list) and step in range(len(body))):
            body = body[step]
        elif kind != "missing" or index + 1 < len(path):
            continue
        kept.append(step)
    return _join(kept)


def _join(path: Sequence[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
