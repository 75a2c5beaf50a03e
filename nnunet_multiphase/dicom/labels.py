"""What the label of a segment or region of interest says it is: lesion, liver or something else."""

from __future__ import annotations

from nnunet_multiphase.dicom.words import find_words, fold, word_pattern, words_apart

LESION_WORDS: tuple[str, ...] = (
    *(
        "tumor*",
        "tumour*",
        "mass",
        "masses",
        "lesion*",
        "metasta*",
        "HCC*",
        "CCC",
        "ICC",
        "CRLM",
        "necro*",
        "GTV*",
    ),
    *("cancer*", "carcinoma*", "malignan*", "neoplas*", "hepatoma*"),
    *("Läsion*", "Laesion*", "Herd", "Herde", "Karzinom*", "Nekro*", "Raumforderung*", "lésion*", "tumeur*"),
    *("肿瘤", "腫瘤", "腫瘍", "病灶", "病変", "转移", "轉移", "転移", "坏死", "壊死", "肝癌", "癌"),
)

NOT_LESION_WORDS: tuple[str, ...] = (
    *("non tumor*", "non tumour*", "non lesion*", "no tumor", "peritumor*", "peritumour*", "without tumor*"),
)

LIVER_WORDS: tuple[str, ...] = ("liver", "Leber", "foie", "hepar", "肝", "肝臓", "肝脏", "肝臟")

NOT_LIVER_WORDS: tuple[str, ...] = (
    *("vessel*", "vein*", "arter*", "vascul*", "segment*", "lobe*", "duct*", "dome", "right", "left"),
    *(
        "Gefäß*",
        "Gefaess*",
        "Vene*",
        "Lappen*",
        "Gang",
        "血管",
        "静脉",
        "動脈",
        "动脉",
        "門脈",
        "门脉",
        "胆",
        "葉",
        "叶",
    ),
)


def mask_kind(label: str) -> str | None:
    """Say what a segment or region of interest is by its label: 'lesions', 'liver' or None.

    >>> mask_kind("Liver tumor 2"), mask_kind("Leber"), mask_kind("Portal vein")
    ('lesions', 'liver', None)
    """
    label = words_apart(label)
    for word in find_words(label, NOT_LESION_WORDS):
        label = word_pattern(word).sub(" ", fold(label))
    if find_words(label, LESION_WORDS):
        return "lesions"
    if find_words(label, LIVER_WORDS) and not find_words(label, NOT_LIVER_WORDS):
        return "liver"
    return None
