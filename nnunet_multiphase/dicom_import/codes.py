"""Step 7b: show of free-text tags what is one of our own words or a maker's code, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nnunet_multiphase.words.phase_words import NO_AGENT_WORDS
from nnunet_multiphase.words.search import find_words

NAMED = "named"
"""Stands for a text that is there and is not shown."""

# Makers' codes hold two figures or stand in the list: a name typed into the tag does neither.
_KERNEL_CODES = re.compile(
    r"[BCDEHIJQRSTUV][a-z]?\d{2}[a-z]{0,2}"  # Siemens: B30f, I41s, Br40d, Qr36
    r"|FC\d{2}(-?H)?"  # Canon, Toshiba
    r"|Y?[A-F]|L"  # Philips
    r"|[BH]_(V?SHARP|SOFT|SMOOTH)_[A-D]",  # United Imaging
)
_KERNEL_WORDS = {
    *(
        "STANDARD",
        "STND",
        "STD",
        "SOFT",
        "SMOOTH",
        "LUNG",
        "CHST",
        "CHEST",
        "BONE",
        "BONEPLUS",
        "DETAIL",
        "EDGE",
    ),
    *("ULTRA", "BODY", "BRAIN", "SHARP", "MEDIUM", "ABDOMEN", "AIDR", "AIDR3D", "AICE", "FIRST", "HD"),
}
_STRENGTH = re.compile(r"\d")  # Siemens' second value

_AGENTS: tuple[str, ...] = (
    *(
        "iohexol",
        "Omnipaque",
        "Accupaque",
        "iopamidol",
        "Isovue",
        "Iopamiro",
        "Iopamiron",
        "Solutrast",
        "Niopam",
    ),
    *(
        "iopromide",
        "Ultravist",
        "iodixanol",
        "Visipaque",
        "iomeprol",
        "Imeron",
        "Iomeron",
        "ioversol",
        "Optiray",
    ),
    *("iobitridol", "Xenetix", "ioxaglate", "Hexabrix", "ioxitalamate", "Telebrix", "ioxilan", "Oxilan"),
    *("iopentol", "Imagopaque", "Jopamiron", "Scanlux", "amidotrizoate", "diatrizoate", "Gastrografin"),
    *("Gastroview", "Urografin", "barium", "gadolinium", "iodine", "Jod"),
    *(
        "碘海醇",
        "碘帕醇",
        "碘普罗胺",
        "碘克沙醇",
        "碘佛醇",
        "欧乃派克",
        "优维显",
        "イオヘキソール",
        "イオパミドール",
    ),
)
_STRENGTHS_MG = re.compile(r"(?<!\d)(240|270|300|320|350|370|400)(?!\d)")  # iodine, mg/ml

_IMAGE_TYPES = {
    *(
        "ORIGINAL",
        "DERIVED",
        "PRIMARY",
        "SECONDARY",
        "AXIAL",
        "LOCALIZER",
        "VOLUME",
        "REFORMATTED",
        "RESAMPLED",
    ),
    *(
        "MPR",
        "MIP",
        "MINIP",
        "MIN IP",
        "MAX_IP",
        "AVERAGE",
        "MEAN",
        "PROJECTION IMAGE",
        "PROJECTION",
        "SUBTRACTION",
    ),
    *(
        "HELICAL",
        "HELIX",
        "SPI",
        "SEQ",
        "STD",
        "MIXED",
        "PASTED",
        "FUSED",
        "CSA MPR",
        "CSAPARALLEL",
        "CSA MIP",
    ),
    *("CT_SOM5", "CT_SOM7", "CT_SOM8", "SPI DUAL", "MONO", "MONOENERGETIC", "VNC", "VIRTUAL_MONOENERGETIC"),
    *(
        "DET_A",
        "DET_B",
        "DE",
        "DEMIXED",
        "ENERGY_PROP_WGT",
        "IODINE",
        "MATERIAL",
        "GSI",
        "QC",
        "PARALLEL",
        "NORM",
    ),
    *(
        "SCREEN SAVE",
        "DOSE_INFO",
        "DOSE",
        "EVIDENCE",
        "OTHER",
        "NONE",
        "MULTI_SLAB",
        "POSDISP",
        "CURVED",
        "SLAB",
    ),
    *("STACK_BY_STACK", "TILT_CORRECTED", "FILTERED", "COMPOSED", "QUANTITY", "RECON"),
}


def kernel_code(kernel: str) -> str:
    """Give a kernel's code.

    >>> kernel_code("Br40d 3"), kernel_code("STANDARD"), kernel_code("for Mr Smith"), kernel_code("")
    ('Br40d 3', 'STANDARD', 'named', '')
    """
    tokens = re.split(r"[\s\\,;\[\]'\"]+", kernel.strip())
    shown: list[str] = []
    for token in filter(None, tokens):
        if (
            _KERNEL_CODES.fullmatch(token)
            or token.upper() in _KERNEL_WORDS
            or (shown and _STRENGTH.fullmatch(token))
        ):
            shown.append(token)
    return " ".join(shown) or (NAMED if kernel.strip() else "")


def agent_code(agents: Iterable[str]) -> str:
    """Give a contrast agent's name, and its iodine where that is a usual number.

    >>> agent_code(["Omnipaque 350"]), agent_code(["Dr. Smith's"]), agent_code(["none"]), agent_code([])
    ('Omnipaque 350', 'named', 'none', '')
    """
    text = " ".join(sorted({agent for agent in agents if agent}))
    if not text:
        return ""
    names = find_words(text, _AGENTS)
    if names:
        return " ".join([*sorted(names), *sorted(set(_STRENGTHS_MG.findall(text)))])
    return "none" if find_words(text, NO_AGENT_WORDS) else NAMED


def image_type_code(values: Iterable[str]) -> str:
    """Give ImageType's values; of those that are no usual ones their number alone.

    >>> image_type_code(("ORIGINAL", "PRIMARY", "AXIAL", "SMITH"))
    'ORIGINAL PRIMARY AXIAL +1'
    """
    values = [value for value in values if value]
    known = [value for value in values if value in _IMAGE_TYPES]
    more = [f"+{len(values) - len(known)}"] if len(known) < len(values) else []
    return " ".join([*known, *more])
