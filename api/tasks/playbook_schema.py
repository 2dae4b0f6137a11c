"""The fields of a playbook: what each may hold, and sentences for what it may not."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from api.tasks.playbook_yaml import Tree, clip, join
from api.tasks.rules import BlendedModel, TaskKind

MAX_TASKS = 1_000
MAX_DAYS = 250

_SLUG = r"^[a-z][a-z0-9_]{0,62}$"
_KEY = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$"
_LINE = r"^\S[^\r\n\u0085\u2028\u2029]*$"
_PATTERNS = {
    _SLUG: "lower-case letters, digits and _, beginning with a letter",
    _KEY: "a key such as devices.order",
    _LINE: "one line of text",
    r"\S": "some text",
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping",
}


def _decimal(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number_type", "expected a number")
    return Decimal(value)


def _task_reference(value: object) -> object:
    return {"task": value} if isinstance(value, str) else value


def _not_empty(value: object) -> object:
    # Not `min_length`: pydantic counts only the items that were valid.
    if value == ():
        raise PydanticCustomError("empty_list", "the list is empty")
    return value


def _three(value: object) -> object:
    if not isinstance(value, tuple) or len(value) != 3:
        raise PydanticCustomError("duration_points", "expected three numbers: low, likely, high")
    return value


def _rising(value: tuple[int, int, int]) -> tuple[int, int, int]:
    if not value[0] <= value[1] <= value[2]:
        raise PydanticCustomError("duration_order", "low, likely, high must not go down")
    return value


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        raise PydanticCustomError("repeated_item", "an item stands twice in the list")
    return value


Number: TypeAlias = Annotated[Decimal, BeforeValidator(_decimal)]
Days: TypeAlias = Annotated[int, Field(ge=0, le=MAX_DAYS)]
Slug: TypeAlias = Annotated[str, StringConstraints(pattern=_SLUG)]
Key: TypeAlias = Annotated[str, StringConstraints(pattern=_KEY, max_length=80)]
Line: TypeAlias = Annotated[str, StringConstraints(pattern=_LINE, max_length=120)]
Prose: TypeAlias = Annotated[str, StringConstraints(pattern=r"\S", max_length=2_000)]
# The reader hands over plain text, which a strict enum field would refuse.
Kind: TypeAlias = Annotated[TaskKind, Field(strict=False)]
Model: TypeAlias = Annotated[BlendedModel, Field(strict=False)]
Role: TypeAlias = Literal["teacher", "trainer", "leader", "tech"]
Points: TypeAlias = Annotated[
    tuple[Days, Days, Days], BeforeValidator(_three), AfterValidator(_rising)
]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DependencyIn(_Strict):
    """Either a task's key alone, or `{task, lag_days}`."""

    task: Key
    lag_days: Days = 0


class CourseIn(_Strict):
    """A course of the required training."""

    code: Slug
    title: Line
    hours: Annotated[Number, Field(gt=0, le=200)]
    required_share: Annotated[Number, Field(gt=0, le=1)] = Decimal(1)
    roles: Annotated[tuple[Role, ...], BeforeValidator(_not_empty), AfterValidator(_distinct)]


class TaskIn(_Strict):
    """A task; `workstream` is by default the key's part before the first dot."""

    key: Key
    title: Line
    workstream: Slug | None = None
    kind: Kind = TaskKind.MANUAL
    gate: bool = False
    owner_role: Slug
    duration: Points
    depends_on: Annotated[
        tuple[Annotated[DependencyIn, BeforeValidator(_task_reference)], ...], Field(max_length=50)
    ] = ()
    description: Prose
    after_first_bell: bool = False
    unit: Slug | None = None
    check: Slug | None = None
    course: Slug | None = None


class PlaybookIn(_Strict):
    """The whole document."""

    name: Slug
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    title: Line
    model: Model
    summary: Prose
    devices_per_student: Annotated[Number, Field(ge=0, le=5)]
    devices_per_teacher: Annotated[Number, Field(ge=0, le=5)] = Decimal(0)
    spare_percent: Annotated[int, Field(ge=0, le=100)]
    default_lead_days: Days
    checks: Annotated[tuple[Slug, ...], Field(max_length=100), AfterValidator(_distinct)] = ()
    courses: Annotated[tuple[CourseIn, ...], Field(max_length=50)] = ()
    tasks: Annotated[tuple[TaskIn, ...], Field(max_length=MAX_TASKS), BeforeValidator(_not_empty)]


def validate(tree: Tree) -> PlaybookIn | None:
    """The tree as a playbook, or None with the reasons noted in `tree.problems`."""
    try:
        return PlaybookIn.model_validate(tree.data)
    except ValidationError as refused:
        for error in refused.errors(include_url=False, include_context=True):
            _note(tree, error)
        return None


def _note(tree: Tree, error: ErrorDetails) -> None:
    pointer = ""
    for part in error["loc"]:
        pointer = join(pointer, part)
    if tree.is_unread(pointer):
        return
    name, kind = clip(str(error["loc"][-1])) if error["loc"] else "", error["type"]
    if kind == "extra_forbidden":
        known = _model_at(error["loc"]).model_fields
        detail = f"unknown key `{name}`{tree.suggest(name, known)}"
        tree.note(pointer, "unknown-key", detail, tree.keys.get(pointer))
    elif kind == "missing":
        tree.note(pointer, "missing", f"`{name}` is missing")
    else:
        tree.note(pointer, kind.replace("_", "-"), _detail(error))


def _model_at(loc: tuple[int | str, ...]) -> type[_Strict]:
    if "depends_on" in loc[:-1]:
        return DependencyIn
    if len(loc) == 1:
        return PlaybookIn
    return TaskIn if loc[0] == "tasks" else CourseIn


def _detail(error: ErrorDetails) -> str:
    got: Any = error["input"]
    context = error.get("ctx", {})
    if error["type"] in _WANTED:
        return f"expected {_WANTED[error['type']]}, got {_kind_of(got)}"
    if error["type"] == "string_pattern_mismatch":
        return f"expected {_PATTERNS[context['pattern']]}, got `{clip(str(got))}`"
    if error["type"] in ("enum", "literal_error"):
        return f"expected {context['expected'].replace(chr(39), '')}, got `{clip(str(got))}`"
    if error["type"] == "too_long":
        return f"at most {context['max_length']} items"
    message = error["msg"].removeprefix("Input should be ")
    return message if message == error["msg"] else f"expected a value {message}"


def _kind_of(value: object) -> str:
    for kind, words in (
        (bool, "true or false"),
        (int, "a whole number"),
        (Decimal, "a decimal number"),
        (str, f"the text `{clip(str(value))}`"),
        (tuple, "a list"),
        (dict, "a mapping"),
    ):
        if isinstance(value, kind):
            return words
    return "nothing"
