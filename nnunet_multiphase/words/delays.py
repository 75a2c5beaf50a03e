"""Keywords: the delay after the injection that a description gives, and the seconds in it that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nnunet_multiphase.words.search import LETTER, fold

_SECONDS = (
    "s|secs?|sek|seconds?|sekunden|secondes|secondi|segundos|seconden|seg|sn|сек|секунд|\u0441|秒|"
    + fold("초")
)
_MINUTES = "min|mins|minutes?|minuten|minuti|minutos|minuut|mn|dk|мин|минут|分钟|分鐘|分|" + fold("분")
_PRIME = "['\u2032\u2019\u00b4]"
_DELAYS = tuple(
    (re.compile(rf"(?<!{LETTER})(?<![\d.,])(\d{{{digits}}})\s?{sign}"), factor, unit)
    for digits, sign, factor, unit in (
        ("2,3", rf"(?:{_SECONDS})(?!{LETTER})", 1, "s"),
        ("1,2", rf"(?:{_MINUTES})(?!{LETTER})", 60, "min"),
        ("2,3", rf"(?:\"|{_PRIME}{{2}})", 1, "s"),
        ("1,2", rf"{_PRIME}(?!{_PRIME}|{LETTER})", 60, "min"),
    )
)
_SHORTEST_S, _LONGEST_S = 10, 900
_SHORTEST_UNASKED_S = 20
"""Below it no phase is scanned: a breath hold or a scan's duration, unless the text calls it a delay or arterial."""

_DELAY_WORD = (
    r"(?:delay[a-z]*|delai|retard[a-z]*|ritardo|retraso|verzogerung|vertraging|"
    r"post|p\.?i\.?|nach|apres|dopo|after)"
)
# "delay 70": seconds, where it cannot be minutes or a thickness.
_DELAY_WITHOUT_UNIT = re.compile(
    rf"(?<!{LETTER})(?:delay|delai|retard|retraso|retardo)[\s_:=\-]*(\d{{2,3}})(?!\d|[.,]\d|\s?(?:mm|m(?!{LETTER})))"
)
_DELAY_BEFORE = re.compile(rf"(?<!{LETTER}){_DELAY_WORD}[\s_:=\-(]*$")
_DELAY_AFTER = re.compile(rf"^[\s_\-)]*{_DELAY_WORD}(?!{LETTER})")

# What else lasts seconds: a breath hold, the scan, a rotation, an exposure, what lies between two passes.
_LONGEST_BREATH_S = 40
_BREATHS = (
    r"(?:bh|b\.h\.?|breath[\s_\-]*hold[a-z]*|hold[\s_]*breath|apno[a-z]*|apne[a-z]*|atem[a-z]*|adem[a-z]*|"
    r"задержк[\u0430-\u044f]*(?:[\s_]*дыхани[\u0430-\u044f]*)?|息止め|呼吸停止|屏气|屏氣|憋气|憋氣|"
    + fold("숨참기")
    + ")"
)
_TIME = r"(?:time|zeit|zeiten|dauer|duration|duree|durata|duracion|duracao|tempo|temps|tiempo|tijd|duur)"
_DURATIONS = (
    rf"(?:(?:scan|acq|acquisition|akquisition|aufnahme|mess|exam|rec|recon)[\s_\-]*{_TIME}|scand[a-z]+|"
    rf"{_TIME}[\s_]+(?:de[\s_]+|di[\s_]+|d')?(?:l')?(?:scan|acqui|adqui|aquisi|esposi|expos)[a-z]*|"
    r"dauer|duration|duree|durata|duracion|duracao|rot|rotat[a-z]*|umdr[a-z]*|expos[a-z]*|esposi[a-z]*|belicht[a-z]*|"
    r"interval[a-z]*|every|alle|toutes(?:[\s_]*les)?|ogni|cada|shuttle|cine|扫描时间|掃描時間|撮影時間|曝光|曝射|旋转|回転)"
)
_BEFORE = rf"(?:(?<!{LETTER})%s)[\s_:=~\-(]*$"
_AFTER = rf"^[\s_\-)]*(?:/|per|pro|par|por)?[\s_]*%s(?!{LETTER})"
_BREATH = (re.compile(_BEFORE % _BREATHS), re.compile(_AFTER % _BREATHS))
_DURATION = (re.compile(_BEFORE % _DURATIONS), re.compile(_AFTER % _DURATIONS))


def seconds_named(text: str, *, arterial: bool = False) -> tuple[float, str] | None:
    """Find a delay such as "70s", "5 min" or "3'"; 10 s to 15 min, else None.

    Seconds of a breath hold, a scan, a rotation or an exposure are none, nor are less than 20 s that nothing calls a
    delay. Of two delays in one text neither counts, unless one alone is called a delay.

    Args:
        text: A description or protocol name.
        arterial: It names the arterial phase, so that less than 20 s may be a delay.

    >>> seconds_named("Abd 70s"), seconds_named("Abdomen 3.0 BH 25s"), seconds_named("35s/70s")
    ((70.0, '70 s'), None, None)
    """
    folded = fold(text)
    found = list(_delays(folded, arterial=arterial))
    called = [delay for delay in found if delay[2]]
    match = _DELAY_WITHOUT_UNIT.search(folded)
    if match and not called and 15 < int(match[1]) <= _LONGEST_S:
        called = [(float(match[1]), f"{int(match[1])} s", True)]
    counted = called or found
    if len({seconds for seconds, _, _ in counted}) != 1:
        return None
    return counted[0][:2]


def _delays(folded: str, *, arterial: bool) -> Iterator[tuple[float, str, bool]]:
    """Give what may be delays: seconds, how they are put, whether the text calls them a delay."""
    for pattern, factor, unit in _DELAYS:
        for match in pattern.finditer(folded):
            seconds = int(match[1]) * factor
            before, after = folded[: match.start()], folded[match.end() :]
            if not _SHORTEST_S <= seconds <= _LONGEST_S or _lasts(_DURATION, before, after):
                continue
            if seconds < _LONGEST_BREATH_S and _lasts(_BREATH, before, after):
                continue
            called = bool(_DELAY_BEFORE.search(before) or _DELAY_AFTER.search(after))
            if seconds >= _SHORTEST_UNASKED_S or called or arterial:
                yield float(seconds), f"{int(match[1])} {unit}", called


def _lasts(patterns: tuple[re.Pattern[str], re.Pattern[str]], before: str, after: str) -> bool:
    return bool(patterns[0].search(before) or patterns[1].search(after))
