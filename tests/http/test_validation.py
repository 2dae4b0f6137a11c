"""Every way Pydantic can say no has a sentence of ours, and none repeats the input."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core._pydantic_core import list_all_errors

from api.errors import Invalid
from api.http.validation import translate

INPUT = "Lovelace"


class Grade(StrEnum):
    first = "1"
    second = "2"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Ruled(BaseModel):
    code: str = "x"
    custom: str = "x"

    @field_validator("code")
    @classmethod
    def _code(cls, _: str) -> str:
        raise ValueError("A code has no spaces.")

    @field_validator("custom")
    @classmethod
    def _custom(cls, _: str) -> str:
        raise PydanticCustomError("not_our_code", "This is not one of our codes.")


class Whole(BaseModel):
    grade: Grade = Grade.first
    pick: Literal["a", "b"] = "a"
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat(kind="cat")
    either: int | list[int] = 0
    ruled: Ruled = Ruled.model_construct()
    by_name: dict[str, int] = {}
    tilde: int = Field(0, alias="a/b~c")


def _errors(given: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Whole).validate_python(given)
    found = [{**one, "loc": ("body", *one["loc"])} for one in caught.value.errors()]
    problem = translate(RequestValidationError(found, body=given))
    assert isinstance(problem, Invalid)
    assert INPUT not in str(problem.extra) + problem.detail
    errors: list[dict[str, str]] = problem.extra["errors"]
    return errors


@pytest.mark.parametrize("known", list_all_errors(), ids=lambda known: str(known["type"]))
def test_each_type_has_a_sentence(known: dict[str, Any]) -> None:
    context = dict(known.get("example_context") or {})
    if known["type"] == "value_error":
        context["error"] = ValueError("A sentence of ours.")
    found = {"type": known["type"], "loc": ("query", "x"), "msg": INPUT, "ctx": context}
    problem = translate(RequestValidationError([found]))
    if known["type"] == "json_invalid":
        assert problem.status == 400
        return
    (entry,) = problem.extra["errors"]
    assert entry["in"] == "query"
    assert entry["pointer"] == "/x"
    assert entry["detail"].endswith(".")
    assert "{" not in entry["detail"]
    assert INPUT not in entry["detail"]
    assert "_" not in entry["code"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"grade": INPUT}, [("/grade", "not-a-choice", "This must be '1' or '2'.")]),
        ({"pick": INPUT}, [("/pick", "not-a-choice", "This must be 'a' or 'b'.")]),
        ({"pet": {"kind": INPUT}}, [("/pet", "not-a-choice", "This must be 'cat', 'dog'.")]),
        (
            {"ruled": {"code": INPUT, "custom": INPUT}},
            [
                ("/ruled/code", "invalid", "A code has no spaces."),
                ("/ruled/custom", "not-our-code", "This is not one of our codes."),
            ],
        ),
        ({"a/b~c": INPUT}, [("/a~1b~0c", "not-an-integer", "This must be a whole number.")]),
    ],
)
def test_what_is_wrong_is_said_where_it_is(
    given: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    errors = _errors(given)
    assert [(e["pointer"], e["code"], e["detail"]) for e in errors] == expected


def test_a_pointer_names_the_document_not_the_branch_tried() -> None:
    assert {(e["pointer"], e["code"]) for e in _errors({"either": INPUT})} == {
        ("/either", "not-an-integer"),
        ("/either", "not-a-list"),
    }
    assert [e["pointer"] for e in _errors({"either": [1, INPUT]})][-1] == "/either/1"
    assert [e["pointer"] for e in _errors({"pet": {"kind": "dog"}})] == ["/pet/name"]
    assert [e["pointer"] for e in _errors({"pet": {"kind": "cat", "lives": INPUT}})] == [
        "/pet/lives"
    ]


def test_a_flood_of_errors_is_cut() -> None:
    errors = _errors({"by_name": {str(number): "x" for number in range(1000)}})
    assert len(errors) == 100


def test_a_rule_about_several_fields_is_told_of_a_document_that_was_read() -> None:
    """The document as a whole is the place of it, and yet it is no malformed document."""
    found = {"type": "not_our_rule", "loc": ("body",), "msg": "Name one of both.", "ctx": {}}
    problem = translate(RequestValidationError([found], body={}))
    assert problem.status == 422
    assert problem.extra["errors"] == [
        {"pointer": "", "code": "not-our-rule", "detail": "Name one of both."}
    ]
