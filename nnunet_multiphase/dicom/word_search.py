"""Find keywords in free text: whole words, whatever the case, accents and separators."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_GAP = r"[\s_\-./]*"
_LETTER = "[a-z\u0430-\u044f]"


def find_words(text: str, words: Sequence[str]) -> list[str]:
    """List which keywords occur in a text; a longer one is found before the shorter one it contains.

    Case, accents and full-width letters do not matter; a Latin keyword is a whole word ("*": may go on), a blank
    in it stands for any or no separator.

    >>> find_words("LEBER_portalvenös 3.0", ["portal venös*", "portal"])
    ['portal venös*']
    >>> find_words("artifact", ["art"])
    []
    """
    rest, found = fold(text), []
    for word in sorted(words, key=len, reverse=True):
        rest, count = word_pattern(word).subn(" ", rest)
        if count:
            found.append(word)
    return found


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Fold case, width and accents: 'Portalvenös' -> 'portalvenos'."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def words_apart(text: str) -> str:
    """Put a blank between words that were run together: 'AbdArt' -> 'Abd Art', but 'keV' and 'kV' are one word."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])(?!V(?![A-Za-z]))", " ", text)


@lru_cache(maxsize=4096)
def word_pattern(word: str) -> re.Pattern[str]:
    """Compile a keyword to what finds it in a folded text."""
    open_end = word.endswith("*")
    core = _GAP.join(
        "".join(map(_sign, part.rstrip("*"))) + f"{_LETTER}*" * part.endswith("*")
        for part in _composed(word).split()
    )
    if not re.search(_LETTER, fold(word)):
        return re.compile(core)
    if core.endswith(("\\-", "\\+")):  # C-, C+
        return re.compile(rf"(?<!{_LETTER})(?<!\d){core}(?!{_LETTER})(?!\d)")
    return re.compile(rf"(?<!{_LETTER}){core}" + ("" if open_end else f"(?!{_LETTER})"))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _sign(sign: str) -> str:
    """Give what stands for one sign of a keyword: an accented letter may have been written out, or lost on the way."""
    plain = fold(sign)
    if plain == sign or not re.fullmatch("[a-z]", plain):
        return re.escape(plain)
    return rf"(?:{plain}{'e?' if sign in 'äöü' else ''}|[?\ufffd]{{1,2}})"
