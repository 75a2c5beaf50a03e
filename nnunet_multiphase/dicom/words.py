"""Keywords: what descriptions in English, German, French, Chinese and Japanese mean."""

from __future__ import annotations

import re

from nnunet_multiphase.dicom.labels import mask_kind
from nnunet_multiphase.dicom.word_search import find_words, fold, words_apart

__all__ = [
    "CONTRAST_WORDS",
    "NO_AGENT_WORDS",
    "PHASE_WORDS",
    "arterial_timing",
    "find_words",
    "mask_kind",
    "phases_named",
    "seconds_named",
]

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

# Of arterial volumes the late one is used: lesions show on it.
LATE_ARTERIAL_WORDS: tuple[str, ...] = (
    *("late art*", "LAP", "LHAP", "portal inflow", "spät art*", "artériel* tardi*", "arterios* tardi*"),
    *(
        "arterial* tardi*",
        "laat arteri*",
        "поздн* арт*",
        "动脉晚期",
        "晚期动脉",
        "後期動脈",
        "動脈後期",
        "후기 동맥",
    ),
)
EARLY_ARTERIAL_WORDS: tuple[str, ...] = (
    *(
        "early art*",
        "EAP",
        "EHAP",
        "früh art*",
        "artériel* précoce*",
        "arterios* precoce*",
        "arterial* precoc*",
    ),
    *(
        "arterial* tempran*",
        "vroeg* arteri*",
        "ранн* арт*",
        "动脉早期",
        "早期动脉",
        "早期動脈",
        "動脈早期",
        "초기 동맥",
    ),
)

CONTRAST_WORDS: tuple[str, ...] = (
    *("with contrast", "w contrast", "post contrast", "enhanced", "CECT", "C+", "KM", "mit KM", "nach KM"),
    *("Kontrast*", "增强", "増強", "造影", "injecte"),
)

NO_AGENT_WORDS: tuple[str, ...] = ("no", "none", "nein", "kein", "keine", "without", "ohne", "なし", "无")


def phases_named(text: str) -> dict[str, str]:
    """Find the phases that a description names: phase -> keyword, without the star.

    >>> phases_named("ThorAbdVen 1.0 B30f")
    {'pv': 'ven'}
    """
    text = words_apart(text)
    found: dict[str, str] = {}
    of_word = {word: phase for phase, words in PHASE_WORDS.items() for word in words}
    for word in find_words(text, list(of_word)):
        found.setdefault(of_word[word], word.replace("*", ""))
    return found


def arterial_timing(text: str) -> int:
    """Tell whether a description names the late (1) or the early (-1) arterial phase, or neither (0).

    >>> arterial_timing("LateArt 1.5"), arterial_timing("ABD ART")
    (1, 0)
    """
    text = words_apart(text)
    return bool(find_words(text, LATE_ARTERIAL_WORDS)) - bool(find_words(text, EARLY_ARTERIAL_WORDS))


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
