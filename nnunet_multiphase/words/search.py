"""Find keywords in free text: whole words, whatever the case, accents and separators."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_GAP = r"[\s_\-./()*]*"
LETTER = "[a-z\u0430-\u044f]"
"""A letter of a folded text, Latin or Cyrillic; the other scripts part no words."""
_UNDECOMPOSED = str.maketrans(
    {"\u0131": "i", "\u0142": "l", "\u00f8": "o", "\u0111": "d"}
)  # Turkish, Polish, Danish


def find_words(text: str, words: Iterable[str]) -> list[str]:
    """List which keywords occur in a text; one of more words, then a longer one, is found first.

    Case, accents and full-width letters do not matter; a Latin keyword is a whole word ("*": may go on), a blank
    in it stands for any or no separator.

    >>> find_words("LEBER_portalvenös 3.0", ["portal venös*", "portal"])
    ['portal venös*']
    >>> find_words("artifact", ["art"])
    []
    """
    return take_words(text, words)[0]


def take_words(text: str, words: Iterable[str]) -> tuple[list[str], str]:
    """Find keywords as `find_words` does, and give the folded text without them too."""
    rest, found = fold(text), []
    for word in sorted(words, key=lambda word: (len(word.split()), len(word)), reverse=True):
        rest, count = word_pattern(word).subn(" ", rest)
        if count:
            found.append(word)
    return found, rest


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Fold case, width and accents: 'Portalvenös' -> 'portalvenos'."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign)).translate(_UNDECOMPOSED)


def words_apart(text: str) -> str:
    """Put a blank between words that were run together: 'AbdArt' -> 'Abd Art', but 'keV' and 'kV' are one word."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])(?!V(?![A-Za-z]))", " ", text)


@lru_cache(maxsize=4096)
def word_pattern(word: str) -> re.Pattern[str]:
    """Compile a keyword to what finds it in a folded text."""
    open_end = word.endswith("*")
    core = _GAP.join(
        "".join(map(_sign, part.rstrip("*"))) + f"{LETTER}*" * part.endswith("*")
        for part in _composed(word).split()
    )
    if not re.search(LETTER, fold(word)):
        return re.compile(core)
    if core.endswith(("\\-", "\\+")):  # C-, C+
        return re.compile(rf"(?<!{LETTER})(?<!\d){core}(?!{LETTER})(?!\d)")
    one_letter = re.match(rf"{LETTER}(?!{LETTER})", fold(word))  # "a phase", but not "3a phase"
    return re.compile(
        (r"(?<!\d)" if one_letter else "") + rf"(?<!{LETTER}){core}" + ("" if open_end else f"(?!{LETTER})")
    )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _sign(sign: str) -> str:
    """Give what stands for one sign of a keyword: an accented letter may have been written out, or lost on the way."""
    plain = fold(sign)
    if plain == sign or not re.fullmatch("[a-z]", plain):
        return re.escape(plain)
    return rf"(?:{plain}{'e?' if sign in 'äöü' else ''}|[?\ufffd]{{1,2}})"
