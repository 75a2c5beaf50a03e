"""Keywords: what descriptions in English, German, French, Chinese and Japanese mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

PHASE_WORDS: dict[str, tuple[str, ...]] = {
    "nc": (
        *(
            "non contrast",
            "no contrast",
            "without contrast",
            "w/o contrast",
            "wo contrast",
            "w/o",
            "pre contrast",
        ),
        *(
            "unenhanced",
            "non enhanced",
            "plain",
            "native",
            "nativ",
            "nativphase",
            "natif",
            "nc",
            "ncct",
            "nect",
            "pre",
            "c-",
        ),
        *("ohne KM", "o. KM", "ohne Kontrast*", "sans injection", "sans contraste", "non injecte"),
        *("平扫", "平掃", "非增强", "単純", "单纯", "非造影", "造影前", "造影なし", "プレーン"),
    ),
    "art": (
        *(
            "arterial",
            "arterielle",
            "arteriell*",
            "arteriel",
            "art",
            "late arterial",
            "early arterial",
            "late art",
            "early art",
            "HAP",
        ),
        *(
            "spät arteriell*",
            "spaet arteriell*",
            "frühe art",
            "späte art",
            "früh art*",
            "arterial phase delay",
        ),
        *("动脉", "動脈", "动脉期", "動脈期", "動脈相", "動脈優位相", "动脉晚期", "动脉早期", "早期相"),
    ),
    "pv": (
        *(
            "portal venous",
            "porto venous",
            "portal",
            "venous",
            "ven",
            "venös*",
            "venoes*",
            "PV",
            "PVP",
            "VP",
            "HVP",
        ),
        *(
            "portal venös*",
            "portal venoes*",
            "pv venös*",
            "late portal venous",
            "porto veineux",
            "veineux",
            "veineuse",
            "portale",
            "temps portal",
        ),
        *(
            "门脉",
            "門脈",
            "门脉期",
            "門脈期",
            "门静脉",
            "門靜脈",
            "門静脈",
            "门静脉期",
            "静脉",
            "靜脈",
            "静脈",
        ),
        *("静脉期", "靜脈期", "静脈相", "門脈相", "門脈優位相"),
    ),
    "dl": (
        *(
            "delayed",
            "delay",
            "late",
            "late phase",
            "late venous",
            "equilibrium",
            "equil",
            "excretory",
            "washout",
            "tardif",
        ),
        *(
            "Spätphase",
            "Spaetphase",
            "spät",
            "spaet",
            "spät venös*",
            "spaet venoes*",
            "verzögert*",
            "verzoegert*",
        ),
        *("延迟", "延遲", "延迟期", "延遲期", "平衡期", "平衡相", "遅延", "遅延相", "後期相", "排泄期"),
    ),
}

CONTRAST_WORDS: tuple[str, ...] = (
    *("with contrast", "w contrast", "post contrast", "enhanced", "CECT", "C+", "KM", "mit KM", "nach KM"),
    *("Kontrast*", "增强", "増強", "造影", "injecte"),
)

NO_AGENT_WORDS: tuple[str, ...] = ("no", "none", "nein", "kein", "keine", "without", "ohne", "なし", "无")

_GAP = r"[\s_\-./]*"


def find_words(text: str, words: Sequence[str]) -> list[str]:
    """List which keywords occur in a text; a longer one is found before the shorter one it contains.

    Case, accents and full-width letters do not matter; a Latin keyword is a whole word ("*" = may go on), a blank
    in it stands for any or no separator.

    >>> find_words("LEBER_portalvenös 3.0", PHASE_WORDS["pv"])
    ['portal venös*']
    >>> find_words("artifact", PHASE_WORDS["art"])
    []
    """
    rest, found = fold(text), []
    for word in sorted(words, key=len, reverse=True):
        rest, count = word_pattern(word).subn(" ", rest)
        if count:
            found.append(word)
    return found


def phases_named(text: str) -> dict[str, str]:
    """Find the phases that a description names: phase -> keyword, without the star.

    >>> phases_named("ThorAbdVen 1.0 B30f")
    {'pv': 'ven'}
    """
    text = words_apart(text)
    found: dict[str, str] = {}
    of_word = {word: phase for phase, words in PHASE_WORDS.items() for word in words}
    for word in find_words(text, list(of_word)):
        found.setdefault(of_word[word], word.rstrip("*"))
    return found


def seconds_named(text: str) -> tuple[float, str] | None:
    """Find a delay such as "70s" or "5 min"; 10 s to 15 min, else None."""
    folded = fold(text)
    for pattern, factor, unit in (
        (r"(?<![a-z\d.,])(\d{2,3})\s?(?:s|sec|sek|seconds|sekunden|秒)(?![a-z])", 1, "s"),
        (r"(?<![a-z\d.,])(\d{1,2})\s?(?:min|mins|minutes|minuten|分)(?![a-z])", 60, "min"),
    ):
        if (match := re.search(pattern, folded)) and 10 <= int(match[1]) * factor <= 900:
            return float(int(match[1]) * factor), f"{int(match[1])} {unit}"
    return None


def fold(text: str) -> str:
    """Fold case, width and accents: 'Portalvenös' -> 'portalvenos'."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def words_apart(text: str) -> str:
    """Put a blank between words that were run together: 'AbdArt' -> 'Abd Art'."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)


def word_pattern(word: str) -> re.Pattern[str]:
    open_end = word.endswith("*")
    core = _GAP.join(re.escape(part) for part in fold(word.rstrip("*")).split())
    if not re.search(r"[a-z]", core):
        return re.compile(core)
    if core.endswith(("\\-", "\\+")):  # C-, C+
        return re.compile(rf"(?<![a-z\d]){core}(?![a-z\d])")
    return re.compile(rf"(?<![a-z]){core}" + ("" if open_end else "(?![a-z])"))


def mask_kind(label: str) -> str | None:
    """Say what a mask's label names; `labels.py` has the words."""
    from nnunet_multiphase.dicom import labels

    return labels.mask_kind(label)
