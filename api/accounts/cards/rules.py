"""How initial passwords look: words that a first-grader can type, more of them for the older. Pure.

Each begins with a capital and has a digit, since Microsoft asks for three kinds of characters
and Google for eight of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from api.accounts.cards.words import WORDS

T = TypeVar("T")

# The first grade whose students are asked to choose a password of their own.
FIRST_OWN_GRADE = 3
# Neither 0 nor 1: on paper they are letters.
DIGITS = "23456789"


@dataclass(frozen=True, slots=True)
class Strength:
    """So many words and digits; `between` stands between them, null puts the digits there."""

    words: int
    digits: int
    between: str


_YOUNGEST = Strength(words=2, digits=2, between="")
_MIDDLE = Strength(words=3, digits=2, between="-")
_OLDEST = Strength(words=4, digits=3, between="-")
_LAST_YOUNGEST = 2
_LAST_MIDDLE = 5


def strength_of(grade: int | None) -> Strength:
    """How strong a password of this grade is (PK is -1, K is 0); where it is not known, the most.

    Guessed blindly a password is one of 2**24 up to grade 2, of 2**33 up to grade 5, of 2**45
    then; each works once, for a while, at systems that stop whoever guesses.
    """
    if grade is None or grade > _LAST_MIDDLE:
        return _OLDEST
    return _MIDDLE if grade > _LAST_YOUNGEST else _YOUNGEST


def make_password(grade: int | None, choose: Callable[[Sequence[str]], str]) -> str:
    """A password for this grade; `choose` takes one of some at random, each as likely."""
    strength = strength_of(grade)
    words = [choose(WORDS) for _ in range(strength.words)]
    number = "".join(choose(DIGITS) for _ in range(strength.digits))
    words[0] = words[0].capitalize()
    if not strength.between:
        # Small hands find no hyphen; the digits keep the words apart.
        return number.join(words)
    return strength.between.join([*words, number])
