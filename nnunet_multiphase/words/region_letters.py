"""Letters for regions of the body, which are also letters for phases: "C+A+P" is chest, abdomen and pelvis."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnunet_multiphase.words.search import LETTER, find_words, fold

TWO_READINGS: frozenset[str] = frozenset({"c+a", "a+c", "c+p"})
"""Keywords of a phase that are two regions elsewhere: contrast and arterial, or chest and abdomen."""

_CODED = ("c+v", "c+pv", "c+d", "c+ del", "c+ art", "c+ pv")
"""Keywords of the same code that name no regions."""

_REGION = r"(?:[cthnap]|chest|thorax|thx|brust|abd[a-z]*|oberbauch|bauch|pel[a-z]*|becken|neck|hals|head|kopf|brain)"
_SIGN = r"[\s_]*[+&/,.\-][\s_]*"
# Three or more; with V or D among them they are phases. A "C-" at the end is the contrast medium.
_REGIONS = re.compile(
    rf"(?<!{LETTER})(?<!\d){_REGION}(?:{_SIGN}{_REGION}(?!{LETTER})){{2,}}(?!\d)(?!(?<=c)[+\-])(?!{_SIGN}[vd](?!{LETTER}))"
)
# "C- A" with a blank: else the contrast medium would be said to lack.
_CHEST_AND_ANOTHER = re.compile(rf"(?<!{LETTER})(?<!\d)c[\s_]*-[\s_]+[ap](?!{LETTER})")


def without_regions(folded: str) -> str:
    """Take lists of regions' letters out of a folded text.

    >>> without_regions("ct c+a+p 5.0"), without_regions("c+a 1.0"), without_regions("thorax/abd/c-")
    ('ct   5.0', 'c+a 1.0', 'thorax/abd/c-')
    """
    return _CHEST_AND_ANOTHER.sub(" ", _REGIONS.sub(" ", folded))


def letters_stand_for_phases(texts: Iterable[str]) -> bool:
    """Tell whether a study's descriptions use the code C+A, C+V, C+D for its phases.

    Args:
        texts: Of all series of one study.

    Returns:
        True if one of them names a phase by it that no regions are called by, or if two of them name two phases.
    """
    left = [without_regions(fold(text)) for text in texts]
    doubtful = {word for text in left for word in find_words(text, TWO_READINGS)}
    return {"c+a", "c+p"} <= doubtful or any(find_words(text, _CODED) for text in left)
