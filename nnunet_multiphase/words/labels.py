"""What the label of a segment or region of interest says it is: plainly lesion, plainly liver, or not plain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from nnunet_multiphase.words import label_words as words
from nnunet_multiphase.words.search import find_words, fold, word_pattern, words_apart

LESIONS, LIVER = "lesions", "liver"

# What a word does to a label. The order is that in which they are looked up: what speaks against comes first.
_MEANINGS: dict[str, tuple[str, ...]] = {
    "lesion": words.LESIONS,
    "liver only": words.LIVER_ONLY_LESIONS,
    "liver": words.LIVER,
    "hepatic": words.HEPATIC,
    "negation": words.NEGATIONS,
    "uncertain": words.UNCERTAIN,
    "part": words.PARTS,
    "join": words.JOINS,
    "neutral": words.NEUTRAL,
    "of lesions": words.OF_LESIONS,
    "derived": words.DERIVED,
    "place": words.OTHER_PLACES,
}
_AGAINST: dict[str, str] = {
    "negation": "a negation",
    "uncertain": "a doubt",
    "derived": "something drawn round, before or after a lesion",
    "place": "another organ or structure",
    "compound": "a compound with a word that is not known",
}

_LIVER_NAMES = "liver|leber|lever|foie|hepar|fegato|higado|figado"

# Forms of several words or signs, brought to one word of the lists before a label is taken apart.
_FORMS: tuple[tuple[str, str], ...] = (
    (r"\bw\s?/\s?o\b|\bwo\b", " without "),
    (r"\bv\.?\s?a\.", " verdacht "),
    (r"\bw\s?/", " with "),
    (r"\b(?:no\s?[.#]?|n\s?\u00b0)\s?(?=\d)", " nr "),
    (r"\bv\.?(?=\d)", " version "),
    (r"\bfollow[\s\-]*up(?![a-z])", " followup "),
    (rf"(?<![a-z])({_LIVER_NAMES})[\s.:\-]*l[ae]s(?![a-z])", r"\1 mts "),  # les(ion), not the article
    (rf"(?<![a-z])l[ae]s[\s.]+(?=(?:{_LIVER_NAMES})(?![a-z]))", " mts "),
    (
        r"\b(?:non|no|not)[\s_\-]?tumou?r(?:ous|al|ale|os[ae])\b(?=[\s_\-]*(?:liver|leber|foie|hepat))",
        " whole ",
    ),
    (r"\b(?:li[\s_\-]?rads|lr)[\s_\-]*(?:[345](?!\d)|m\b)", " lesion "),
    (r"\b(?:li[\s_\-]?rads|lr)[\s_\-]*(?:\d|t|nc|tiv)\w*", " uncertain_category "),
    (r"\bi[\s_\-]?gtv", " igtv"),
    (r"4[\s_\-]?d(?:[\s_\-]?ct)?(?![a-z])", " itv "),
    (r"\d\s?/\s?\d", " uncertain_category "),
    (r"\bgtv[\s_\-]*(?:n\d*|nd|ln)(?![a-z])", " gtvn "),
    (r"\b(?:bile|portal|hepatic|lymph)[\s_\-]?(?:duct|vein|artery|node)s?\b", " vein "),
    (r"\blever(?=[\s_]+met\b)[\s_]+met\b", " lever with "),  # Dutch: with
    (r"\b(?:colorectal|colon|breast)[\s_\-]+(?=(?:liver|hepatic)[\s_\-]+met)", " "),
    (
        r"\bpv[\s_\-]+(?=(?:tumou?r|lesion|mass|gtv|hcc))",
        " vein ",
    ),  # the portal vein's, or the portal venous phase's
    (r"\bpv\b", " portal "),
    (r"\bmet(?![a-z])", " mets "),
)
_TOKEN = re.compile(
    r"[a-z'](?:[a-z']|[?\ufffd]{1,2}(?=[a-z]))*|[\u0400-\u04ff]+|\d+(?:[.,]\d+)?|[\uac00-\ud7a3]+|[\u3040-\u30ff\u3400-\u9fff]+|\S"
)
_PLAIN_SIGNS = frozenset("_.()[]{}:,;#'\"/&+-|")
_COMPOUND_LIVER = ("leber", "liver", "lever")
_FOLDED_APART = str.maketrans({"ø": "o", "æ": "ae", "ł": "l", "\u0131": "i", "œ": "oe", "đ": "d"})
_DASHES = re.compile("[\u2010-\u2015\u2212\u2043\ufe63]")


_SAY_NOTHING_ALONE = frozenset(("unknown", "number", "neutral", "of lesions", "part", "join"))


@dataclass(frozen=True)
class Reading:
    """What a label says; `why` quotes words of our own lists alone."""

    kind: str | None  # lesions, liver or None
    why: str = ""  # what speaks against a label that names a lesion or the liver; empty: it names neither
    known: bool = True  # False: nothing in it is known


@dataclass(frozen=True)
class _Word:
    meaning: str
    text: str
    gap: str  # the signs before it


def mask_kind(label: str) -> str | None:
    """Say what a segment or region of interest is by its label: 'lesions', 'liver' or None.

    >>> mask_kind("Liver tumor 2"), mask_kind("Leber"), mask_kind("Liver-GTV")
    ('lesions', 'liver', None)
    """
    return read_label(label).kind


def read_label(label: str) -> Reading:
    """Read a label: lesion or liver only where it plainly is.

    A label that names a lesion and a negation, another organ, a shape drawn round a lesion, or the liver beside it
    ("Liver-GTV", "Liver + tumor") is not plain, and neither is one with words that are not known before its noun. The
    liver's name with a word that is not known, or that tells how a lesion looks ("Leber RF", "Liver hypodense"), is not
    plain either: the word may be a clinic's own for the lesion.

    Args:
        label: As written, in any case and script.

    Returns:
        The kind, or None and what speaks against it.

    >>> read_label("kidney tumor").why
    "another organ or structure ('kidney')"
    """
    found = list(_read(label))
    meanings = [word.meaning for word in found]
    known = any(meaning not in _SAY_NOTHING_ALONE for meaning in meanings)
    liver = "liver" in meanings or "hepatic" in meanings
    lesion = "lesion" in meanings or "compound" in meanings or ("liver only" in meanings and liver)
    if lesion:
        against = _against(found) or _beside_liver(found) or _strange(found)
        return Reading(None, against) if against else Reading(LESIONS)
    if "liver only" in meanings:
        return Reading(None, "a kind of lesion that other organs have too; it does not name the liver")
    if "liver" not in meanings:
        return Reading(None, known=known)
    if {"place", "derived"} & set(meanings) or {"part", "unknown"} & set(meanings) == {"part"}:
        return Reading(None, _perhaps_lesion(found))  # else plainly something else: a vessel, a lobe
    against = _against(found) or _joined(found) or _perhaps_lesion(found) or _strange(found)
    return Reading(None, against) if against else Reading(LIVER)


def own_reading(label: str, own: Mapping[str, Sequence[str]]) -> Reading | None:
    """Read a label by the user's own words: lesions, liver, other -> words; None where none of them is in it.

    One of them stands for our own word of its meaning; what else is in the label still speaks against it.
    """
    apart = words_apart(label)
    found = {kind: words for kind, listed in own.items() if (words := find_words(apart, listed))}
    if not found:
        return None
    if "other" in found:
        return Reading(None)
    if len(found) > 1:
        quoted = " and ".join(f"'{words[0]}'" for words in found.values())
        return Reading(None, f"your own words {quoted}, which mean different things")
    (kind, listed), ours = next(iter(found.items())), {LESIONS: "lesion", LIVER: "liver"}
    apart = fold(apart)
    for word in listed:
        apart = word_pattern(word).sub(f" {ours[kind]} ", apart)
    return read_label(apart)


def likely_kind(name: str) -> str | None:
    """Say what a name most likely means, for a hint: as `mask_kind`, and the liver also with words that are not known.

    >>> likely_kind("liver smoothed"), mask_kind("liver smoothed")
    ('liver', None)
    """
    if kind := mask_kind(name):
        return kind
    meanings = meanings_in(name)
    plain = {"liver", "unknown", "number", "neutral", "of lesions"}
    return LIVER if "liver" in meanings and meanings <= plain else None


def meanings_in(text: str) -> frozenset[str]:
    """List what the words of a text mean: lesion, liver, place, unknown, ..."""
    return frozenset(word.meaning for word in _read(text))


def _against(found: Iterable[_Word]) -> str:
    for meaning, name in _AGAINST.items():
        for word in found:
            if word.meaning == meaning:
                return f"{name} ('{word.text}')" if word.text else name
    return ""


def _beside_liver(found: list[_Word]) -> str:
    """Say whether a label names the liver AND a lesion, or what is drawn about one, rather than a lesion of the liver."""
    if any("+" in word.gap for word in found):
        return "a sum ('+')"
    for before, word in pairwise(found):
        letter = (
            len(before.text) == 1 and word.meaning == "lesion"
        )  # L-GTV: the left one, or the liver's rest
        if "-" in word.gap and (letter or {before.meaning, word.meaning} <= {"lesion", "liver"}):
            return "a difference or a hyphen ('-')"
    if any(word.text in ("gtv", "gtvp", "gtvs") for word in found) and any(w.text == "mm" for w in found):
        return "a margin ('mm')"
    meanings = [word.meaning for word in found]
    if "liver" not in meanings:
        return ""
    if "join" in meanings or any(set(word.gap) & set("/&|,;") for word in found):
        return "the liver and a lesion in one"
    at = meanings.index("liver")
    behind = [word for word in found[at + 1 :] if word.meaning in ("lesion", "liver only")]
    if behind and (
        behind[0].text.startswith("gtv") or any(set(w.gap) & set(":([])") for w in found[at + 1 :])
    ):
        return "the liver and a lesion in one"
    return ""


def _joined(found: list[_Word]) -> str:
    if any(word.meaning == "join" or set(word.gap) & set("+&/") for word in found):
        return "the liver and more in one"
    return ""


def _perhaps_lesion(found: list[_Word]) -> str:
    """Say whether what stands beside the liver's name may mean a lesion of it, or a part that its number alone tells."""
    for before, word in pairwise(found):
        if word.meaning == "number" and before.text in ("seg", "segm", "sg"):
            return "a number, which may be that of a segment of the liver or of the mask,"
    for word in found:
        if word.meaning == "of lesions":
            return f"a word that tells how a lesion looks, its size or dose ('{word.text}')"
        if word.text == "t":
            return "a letter that may stand for a tumor ('t')"
    return ""


def _strange(found: list[_Word]) -> str:
    """Say whether words stand there that are not known, but for one behind an English noun."""
    unknown = [i for i, word in enumerate(found) if word.meaning == "unknown"]
    if not unknown:
        return ""
    before = found[unknown[0] - 1] if unknown[0] else None
    last = unknown == [len(found) - 1]
    if (
        last
        and before
        and before.text in words.TRAILING
        and found[-1].gap.strip("_ ") == ""
        and len(found) == 2
    ):
        return ""
    return "a word that is not known"


def _read(label: str) -> Iterator[_Word]:
    """Take a label apart; the signs between two words go with the second."""
    text = _fold(words_apart(_decoded(label))).replace("_", " ")
    for pattern, word in _FORMS:
        text = re.sub(pattern, word, text)
    text = text.replace("uncertain_category", " equivocal ")
    gap = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in _PLAIN_SIGNS:
            gap += token
            continue
        for part in _parts(token):
            yield _Word(part.meaning, part.text, gap)
            gap = ""
    if "+" in gap or "-" in gap:  # "HCC +"
        yield _Word("uncertain", "", gap)


def _parts(token: str) -> Iterator[_Word]:
    if re.match(r"\d", token):
        yield _Word("number", "", "")
    elif re.search(r"[a-z][?\ufffd]", token):
        yield from _with_lost_letters(token)
    elif re.match(r"[a-z\u0400-\u04ff]", token):
        yield _Word(*_meaning(token.strip("'")), "")
    elif re.match(r"[\uac00-\ud7a3\u3040-\u30ff\u3400-\u9fff]", token):
        yield from _morphemes(token)
    else:  # "?", "\\", "!", "~", "%", ...
        yield _Word("uncertain", "", "")


def _with_lost_letters(token: str) -> Iterator[_Word]:
    """Read a word with question marks in it: letters that were lost on the way ("L?sion"), or else a doubt."""
    exact, _ = _lexicon()
    behind_liver = [token.removeprefix(name) for name in _COMPOUND_LIVER if token.startswith(name)]
    for word in (token, *behind_liver):
        pattern = re.compile(re.sub(r"[?\ufffd]+", "[a-z]{1,2}", word.strip("'")))
        fitting = {(meaning, known) for known, meaning in exact.items() if pattern.fullmatch(known)}
        if len({meaning for meaning, _ in fitting}) == 1:
            meaning, known = min(fitting)
            yield _Word("lesion" if word in behind_liver and meaning == "liver only" else meaning, known, "")
            return
    for n, part in enumerate(re.split(r"[?\ufffd]+", token)):
        if n:
            yield _Word("uncertain", "", "")
        yield _Word(*_meaning(part.strip("'")), "")


@cache
def _meaning(token: str) -> tuple[str, str]:
    """Look a word of an alphabet up: its meaning, and the word of our list that it is."""
    if len(token) == 1 and token in "abcdfglprstvx":
        return "part", token
    exact, stems = _lexicon()
    if token in exact:
        return exact[token], token
    for stem in sorted(stems, key=len, reverse=True):
        if token.startswith(stem):
            return stems[stem], stem
    for liver in _COMPOUND_LIVER:
        rest = token.removeprefix(liver)
        if rest != token and exact.get(rest) in ("lesion", "liver only") and not rest.startswith("gtv"):
            return "lesion", rest
    # A compound of a lesion with anything else: Tumorrand, Hirntumor.
    for word, meaning in exact.items():
        if meaning == "lesion" and len(word) > 4 and (token.startswith(word) or token.endswith(word)):
            return "compound", word
    return "unknown", ""


def _morphemes(token: str) -> Iterator[_Word]:
    """Take a run of Chinese, Japanese or Korean apart, the longest word that fits first."""
    exact, _ = _lexicon()
    longest = max(len(word) for word in exact)
    while token:
        for length in range(min(longest, len(token)), 0, -1):
            if (head := token[:length]) in exact:
                yield _Word(exact[head], head, "")
                token = token[length:]
                break
        else:
            yield _Word("unknown", "", "")
            return


@cache
def _lexicon() -> tuple[dict[str, str], dict[str, str]]:
    """List whole words and stems ("*") with their meaning; of a word in several lists the first counts."""
    exact: dict[str, str] = {}
    stems: dict[str, str] = {}
    for meaning, listed in _MEANINGS.items():
        for word in listed:
            (stems if word.endswith("*") else exact).setdefault(_fold(word.rstrip("*")), meaning)
    return exact, stems


def _decoded(label: str) -> str:
    """Undo that UTF-8 was read as Latin-1 or Windows-1252 ("LÃ¤sion"); other labels are no UTF-8 read so."""
    for encoding in ("latin-1", "cp1252"):
        try:
            return label.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return label


def _fold(text: str) -> str:
    """Fold case, width and accents, and keep Hangul whole."""
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text).casefold()).translate(_FOLDED_APART)
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not unicodedata.combining(sign)))
