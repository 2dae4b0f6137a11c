"""Names in the letters that every mail system takes: a-z and 0-9. Pure.

Taking accents off is not enough: Unicode has no base letter for `ł` or `ø`, and drops them.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Latin letters that no decomposition takes apart, as their users write them without.
_LETTERS = str.maketrans(
    {
        "\N{LATIN SMALL LETTER SHARP S}": "ss",
        "\N{LATIN SMALL LETTER AE}": "ae",
        "\N{LATIN SMALL LIGATURE OE}": "oe",
        "\N{LATIN SMALL LETTER O WITH STROKE}": "o",
        "\N{LATIN SMALL LETTER D WITH STROKE}": "d",
        "\N{LATIN SMALL LETTER ETH}": "d",
        "\N{LATIN SMALL LETTER THORN}": "th",
        "\N{LATIN SMALL LETTER L WITH STROKE}": "l",
        "\N{LATIN SMALL LETTER H WITH STROKE}": "h",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "\N{LATIN SMALL LETTER T WITH STROKE}": "t",
        "\N{LATIN SMALL LETTER ENG}": "ng",
        "\N{LATIN SMALL LETTER KRA}": "q",
        "\N{LATIN SMALL LETTER SCHWA}": "a",
        "\N{LATIN SMALL LETTER TURNED E}": "e",
        "\N{LATIN SMALL LETTER OPEN E}": "e",
        "\N{LATIN SMALL LETTER OPEN O}": "o",
        "\N{LATIN SMALL LETTER IOTA}": "i",
        "\N{LATIN SMALL LETTER UPSILON}": "u",
        "\N{LATIN SMALL LETTER U BAR}": "u",
        "\N{LATIN SMALL LETTER I WITH STROKE}": "i",
        "\N{LATIN SMALL LETTER B WITH HOOK}": "b",
        "\N{LATIN SMALL LETTER D WITH HOOK}": "d",
        "\N{LATIN SMALL LETTER D WITH TAIL}": "d",
        "\N{LATIN SMALL LETTER F WITH HOOK}": "f",
        "\N{LATIN SMALL LETTER K WITH HOOK}": "k",
        "\N{LATIN SMALL LETTER V WITH HOOK}": "v",
        "\N{LATIN SMALL LETTER Y WITH HOOK}": "y",
        "\N{LATIN SMALL LETTER N WITH LEFT HOOK}": "ny",
        "\N{LATIN SMALL LETTER GAMMA}": "g",
        "\N{LATIN SMALL LETTER EZH}": "z",
        "\N{LATIN SMALL LETTER Z WITH STROKE}": "z",
        "\N{LATIN SMALL LETTER G WITH STROKE}": "g",
    }
)
# A letter by Unicode's book, but written as an apostrophe is: the Hawaiian okina, for one.
_MODIFIER = "Lm"


@lru_cache(maxsize=65536)
def latin(text: str) -> str | None:
    """The letters a-z and digits of a name, in lower case; null when it has letters of no Latin
    script, which nobody but its owner could spell in ours.

    Accents, spaces, hyphens and apostrophes are dropped; however accents are typed (NFC or NFD)
    the answer is the same.
    """
    plain = text.lower()
    if plain.isascii():
        return "".join(filter(str.isalnum, plain))
    plain = unicodedata.normalize("NFKD", text).lower().translate(_LETTERS)
    kept = []
    for char in plain:
        if char.isascii():
            if char.isalnum():
                kept.append(char)
        elif char.isalpha() and unicodedata.category(char) != _MODIFIER:
            return None
    return "".join(kept)
