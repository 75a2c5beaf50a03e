"""Keywords: what a description in any of the languages of `phase_words.py`, or in the user's own, says of the phase."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nnunet_multiphase.words.phase_words import (
    BEFORE_NUMBERS,
    CAUTIOUS_WORDS,
    CONTRAST_WORDS,
    EARLY_ARTERIAL_WORDS,
    INTERVENTIONS,
    LATE_ARTERIAL_WORDS,
    NO_AGENT_WORDS,
    NO_PHASE_WORDS,
    ORAL_AGENT_WORDS,
    PHASE_WORDS,
    SCAN_WORDS,
)
from nnunet_multiphase.words.region_letters import without_regions
from nnunet_multiphase.words.search import (
    LETTER,
    find_words,
    fold,
    take_words,
    word_pattern,
    words_apart,
)


@dataclass(frozen=True)
class OwnWords:
    """The user's words by meaning; they count before the built-in ones."""

    phases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    none: tuple[str, ...] = ()  # name no phase
    derived: tuple[str, ...] = ()  # images made of the plain ones
    plain: tuple[str, ...] = ()  # no images made of others
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of masks: lesions, liver, other


NO_OWN_WORDS = OwnWords()

_OF_WORD = {word: phase for phase, words in PHASE_WORDS.items() for word in words}

# "W/O & W", "ohne und mit KM", "pre/post": a series with both, or a whole study; no evidence for a phase.
_WITHOUT = r"(?:w[\s_]?/?[\s_]?o|w/out|without|ohne|o\.|sans|senza|sin|sem|zonder|bez|без|utan|uden|uten)"
_NO = rf"(?:{_WITHOUT}|kein[a-z]*|vor|no|non|geen|aucun[a-z]*|nessun[a-z]*)"
_WITH = r"(?:w/?|with|mit|m\.|avec|con|com|met|z|\u0441|med|c/)"
_AND = (
    r"[\s_\-]*(?:[&+,/]|(?<![^\W\d_])(?:and|und|u\.?|et|e|y|en|oder|or|i|\u0438|og|och|ve|puis|dann|poi|then)(?![^\W\d_]))"
    r"[\s_\-]*"
)
_AGENT = r"(?:[\s_]*(?:iv|i\.v\.|contr\w*|kontrast\w*|km|mdc|inj\w*))?"
_AFTER = r"(?:nach|apres|dopo|after|post|despues|depois|efter|etter|po|после)"
_PLAIN = r"(?:nativ\w*|plain|natif|unenhanced|non[\s_\-]?contrast|нативн\w*|c-)"
_BEFORE_AND_AFTER = (
    *(
        ("pre", "post"),
        ("vor", "nach"),
        ("avant", "apres"),
        ("prima", "dopo"),
        ("antes", "despues"),
        ("antes", "depois"),
    ),
    *(("voor", "na"), ("przed", "po"), ("до", "после"), ("fore", "efter"), ("once", "sonra")),
)
_BOTH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!{LETTER}){_WITHOUT}{_AGENT}{_AND}{_WITH}(?!{LETTER}){_AGENT}",
        rf"(?<!{LETTER}){_WITH}{_AGENT}{_AND}{_WITHOUT}(?!{LETTER}){_AGENT}",
        rf"(?<!{LETTER})(?:w[\s_\-]+w/?o|w/?o[\s_\-]*/?[\s_\-]*w|w/wo)(?!{LETTER}){_AGENT}",
        rf"(?<!{LETTER}){_WITHOUT}{_AGENT}{_AND}{_AFTER}[\s_]*(?:iv|i\.v\.|contr\w*|kontrast\w*|km|mdc|inj\w*)",
        rf"(?<!{LETTER}){_PLAIN}{_AND}(?:km|c\+|ce|contr\w*|kontrast\w*|enhanced)(?!{LETTER})",
        *(
            rf"(?<!{LETTER}){a}{_AGENT}(?:{_AND}|[\s_\-]+){b}(?!{LETTER}){_AGENT}"
            for a, b in _BEFORE_AND_AFTER
        ),
        rf"(?:c|(?<!{LETTER})(?:iv|km))[+\-][\s_,/&]*(?:c|iv|km|et[\s_]*iv)?[+\-](?!\d)|[+\-]/[+\-]|±",
        r"平[扫掃]期?[\s及和与跟、+/&]*[一-三双雙多]?期?(?:增强|增強|c\+)",
        r"[单単單][纯純][\s及・と、+/&]*(?:造影|增强|増強)",
        r"造影前[\s・、/]*[后後]",
        fold("조영") + r"[\s_]*" + fold("전") + r"[\s・,/]*" + fold("후"),
    )
)

# "ART LATE" is "late art", in the Slavic languages as a rule; with a sign between them they are two phases.
_LATE_AFTER = re.compile(
    rf"(?<!{LETTER})(art|hap|ap|arterial|arteriell[a-z]*|arterieel|arteriel[a-z]*|portal(?:[\s_]+venous)?|venous|ven|"
    r"venos[a-z]*|arteryel|arteriyel|arterialni|tetnicz[a-z]*|zyln[a-z]*|wrotn[a-z]*|venoz[a-z]*|"
    r"арт(?:ер[\u0430-\u044f]*)?|вен(?:озн[\u0430-\u044f]*)?)"  # noqa: RUF001
    r"[\s_.(]+(late|early|laat|vroeg|spat|spaet|fruh|frueh|sen|gec|erken|pozn[a-z]*|wczesn[a-z]*|pozdni|casna|"
    rf"(?:поздн|ранн)[\u0430-\u044f]*)(?!{LETTER})"
)
# "late A", "late A.P.": arterial phase, or abdomen (and pelvis); "late A/P" are the regions.
_LATE_A = re.compile(rf"(?<!{LETTER})late[\s_.\-]+a(?:\.?[\s_]*p)?(?!{LETTER})(?![\s_]*[/+&])(?![\s_]*ph)")

# "ohne i.v. KM", "utan iv kontrast": how the medium would be given says nothing; one to drink is none.
_WAY_IN = re.compile(
    rf"(?<!{LETTER})({_NO})[\s_]+(?:i\.?[\s_]?v\.?|e\.?v\.?|intraven[a-z]*|[ij]od[a-z]*)[\s_\-]*(?=(?:contr|kontr|km|mdc))"
)
_TO_DRINK = re.compile(
    rf"(?:(?<!{LETTER})(?:{_NO})[\s_]+)?(?<!{LETTER})(?:oral[a-z]*|rektal[a-z]*|rectal[a-z]*|p\.o\.)"
    rf"[\s_\-]*(?:contr[a-z]*|kontr[a-z]*|km(?!{LETTER})|mdc)"
    rf"|(?:(?<!{LETTER})(?:{_NO})[\s_]+)?(?<!{LETTER})(?:contr|kontr)[a-z]*[\s_]+(?:oral|oraal|orale)(?!{LETTER})"
)

# Bytes of another encoding that were read as Latin-1, as files without SpecificCharacterSet are.
_HIGH = re.compile(
    r"[\x80-\xff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
_OTHER_ENCODINGS = ("gb18030", "shift_jis", "euc_kr", "cp1251", "koi8_r", "iso8859_5")


def phases_named(text: str, own: OwnWords = NO_OWN_WORDS) -> dict[str, str]:
    """Find the phases that a description names: phase -> keyword, without the star.

    >>> phases_named("ThorAbdVen 1.0 B30f")
    {'pv': 'ven'}
    >>> phases_named("Liver W/O & W contrast"), phases_named("Pre TACE")
    ({}, {})
    """
    for reading in _readings(text):
        if found := _phases_in(reading, own):
            return found
    return {}


def contrast_named(text: str, own: OwnWords = NO_OWN_WORDS) -> str | None:
    """Find a word that says no more than that there is contrast; None also where there is a "no" or a "without"."""
    for reading in _readings(text):
        cleaned, both = _without_both(
            without_regions(take_words(_way_left_out(words_apart(reading)), own.none)[1])
        )
        if both or find_words(cleaned, NO_AGENT_WORDS):
            return None
        if found := find_words(cleaned, CONTRAST_WORDS):
            return found[0].replace("*", "")
    return None


def arterial_timing(text: str) -> int:
    """Tell whether a description names the late (1) or the early (-1) arterial phase, or neither (0).

    >>> arterial_timing("LateArt 1.5"), arterial_timing("ABD ART")
    (1, 0)
    """
    texts = [_late_first(fold(words_apart(reading))) for reading in _readings(text)]
    timings = (
        bool(find_words(reading, LATE_ARTERIAL_WORDS)) - bool(find_words(reading, EARLY_ARTERIAL_WORDS))
        for reading in texts
    )
    return next((timing for timing in timings if timing), 0)


def agent_said(agent: str) -> bool | None:
    """Tell whether ContrastBolusAgent names an injected agent (True), says there is none (False), or says nothing of it."""
    if fold(agent).strip(" .-") in ("", "0", "n", "n/a", "na", "nil", "unknown", "unbekannt", "inconnu"):
        return None
    first = re.match(rf"[\s(]*({LETTER}+|[^\W\d_]+)", fold(agent))
    if first and find_words(first[1], NO_AGENT_WORDS):
        return False
    if find_words(agent, ORAL_AGENT_WORDS) and not find_words(
        agent, ("iv", "i.v.", "intravenous*", "intravenös*")
    ):
        return None
    return bool(agent) or None


def _phases_in(text: str, own: OwnWords) -> dict[str, str]:
    folded = _late_first(_way_left_out(words_apart(text)))
    ours = {word: phase for phase, words in own.phases.items() for word in words}
    named, folded = take_words(folded, (*ours, *own.none))
    found: dict[str, str] = {}
    for word in named:
        if word in ours:
            found.setdefault(ours[word], word.replace("*", ""))
    cleaned, _ = _without_both(without_regions(take_words(folded, NO_PHASE_WORDS)[1]))
    intervention = bool(find_words(cleaned, INTERVENTIONS))
    for word in take_words(cleaned, _OF_WORD)[0]:
        if word not in CAUTIOUS_WORDS or (not intervention and _stands_for_a_phase(cleaned, word)):
            found.setdefault(_OF_WORD[word], word.replace("*", ""))
    return found


def _stands_for_a_phase(folded: str, word: str) -> bool:
    """Tell "late" or "Late 5mm" or "late abdomen" from "late presentation": by the word that follows."""
    for match in word_pattern(word).finditer(folded):
        tail = folded[match.end() :]
        if word.endswith("*"):
            tail = re.sub(rf"^{LETTER}+", "", tail)
        following = re.match(rf"[\W_]*({LETTER}*)(\d?)", tail)
        assert following is not None
        letters, digit = following.groups()
        if word in BEFORE_NUMBERS:
            return not letters
        if len(letters) <= 1 or letters in SCAN_WORDS or (len(letters) == 2 and digit):
            return True
    return False


def _late_first(folded: str) -> str:
    """Put "late" and "early" before what they belong to; "late A" and "late A.P." become "late ap".

    >>> _late_first("abd art late 1.0"), _late_first("art/late")
    ('abd late art 1.0', 'art/late')
    """
    return _LATE_AFTER.sub(r"\2 \1", _LATE_A.sub("late ap", folded))


def _way_left_out(text: str) -> str:
    """Fold a text, without the way a contrast medium is given and without what is drunk.

    >>> _way_left_out("ohne i.v. KM"), _way_left_out("ohne orales KM, portal")
    ('ohne km', ' , portal')
    """
    return _TO_DRINK.sub(" ", _WAY_IN.sub(r"\1 ", fold(text)))


def _without_both(folded: str) -> tuple[str, bool]:
    """Take "with and without" out of a text, and tell whether it was there."""
    count = 0
    for pattern in _BOTH:
        folded, times = pattern.subn(" ", folded)
        count += times
    return folded, bool(count)


def _readings(text: str) -> Iterator[str]:
    """Give a text, and what it may have been before its bytes were taken for Latin-1."""
    yield text
    if len(_HIGH.findall(text)) < 2:
        return
    for how in ("cp1252", "latin-1"):
        try:
            data = text.encode(how)
        except UnicodeEncodeError:
            continue
        for encoding in ("utf-8", *_OTHER_ENCODINGS):
            try:
                yield data.decode(encoding)
            except UnicodeDecodeError:
                continue
