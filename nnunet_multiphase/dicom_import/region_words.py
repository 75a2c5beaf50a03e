"""Read which region of the body a series says it shows: used only where its voxels leave it open."""

from __future__ import annotations

from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.words.search import find_words, words_apart

_LIVER_WORDS: tuple[str, ...] = (
    *(
        "abdomen",
        "abdom*",
        "abdo",
        "abd",
        "liver*",
        "hepat*",
        "hepar",
        "trunk",
        "body",
        "wholebody",
        "CAP",
        "TAP",
    ),
    *("pancrea*", "kidney*", "renal", "spleen", "stomach", "biliary", "C A P", "chest abd*", "thor abd*"),
    *("leber*", "oberbauch", "bauch", "pankreas*", "niere*", "rumpf", "stamm", "ganzkörper*", "ganzkoerper*"),
    *(
        "foie",
        "hépat*",
        "thoraco abdo*",
        "abdomino*",
        "corps entier",
        "腹",
        "肝",
        "胰",
        "膵",
        "胆",
        "全身",
        "躯干",
    ),
)
_REGION_WORDS: dict[str, tuple[str, ...]] = {
    "head": (
        *(
            "head",
            "brain",
            "skull",
            "crani*",
            "cerebr*",
            "neuro",
            "sinus*",
            "orbit*",
            "facial",
            "face",
            "dental",
        ),
        *(
            "temporal bone",
            "mandible",
            "kopf",
            "schädel*",
            "schaedel*",
            "hirn*",
            "cct",
            "ccta",
            "NNH",
            "crâne",
        ),
        *("tête", "头", "頭", "脑", "脳", "颅", "副鼻"),
    ),
    "neck": (
        *("neck", "cervical", "carotid*", "larynx", "thyroid", "c spine", "cspine", "hals*", "HWS", "cou"),
        *("颈", "頸", "頚"),
    ),
    "chest": (
        *("chest", "thorax*", "thorac*", "lung*", "pulmon*", "heart", "cardiac", "coronary", "HRCT", "CTPA"),
        *("brust", "herz*", "poumon*", "coeur", "médiastin*", "mediastin*", "胸", "肺", "心"),
    ),
    "pelvis": (
        *("pelvis", "pelvic", "hip", "hips", "prostat*", "bladder", "rectum", "uterus", "becken*", "hüfte*"),
        *("huefte*", "harnblase", "bassin", "pelvien*", "hanche*", "骨盆", "骨盤", "盆腔", "髋"),
    ),
    "limbs": (
        *("leg", "legs", "thigh*", "knee*", "ankle*", "foot", "feet", "hand", "wrist*", "arm", "elbow*"),
        *("shoulder*", "femur", "tibia", "humerus", "extremit*", "knie*", "bein*", "fuss", "schulter*"),
        *("oberschenkel*", "genou*", "jambe*", "épaule*", "四肢", "下肢", "上肢", "膝"),
    ),
}
_TITLES = {"head": "head", "neck": "neck", "chest": "chest", "pelvis": "pelvis", "limbs": "a limb"}
_BELOW = {"pelvis", "limbs"}


def named_region(volume: Volume) -> tuple[str, str]:
    """Read the region that a series says it shows, where that region does not hold the liver.

    Args:
        volume: Of a CT series.

    Returns:
        The region in our own word, and which tag says so; both empty where none does, or one names the belly too.
    """
    body_part = next((part.body_part for part in volume.slices if part.body_part), "")
    for texts in (
        [("the description", volume.description)],
        [("BodyPartExamined", _spelt_out(body_part)), ("the protocol", volume.protocol)],
    ):
        found = {where: _regions(text) for where, text in texts}
        every = set().union(*found.values())
        if not every:
            continue
        # From the chest to the pelvis the liver lies between.
        if "liver" in every or (every & _BELOW and every - _BELOW):
            return "", ""
        where = next(where for where, regions in found.items() if regions)
        return _TITLES[next(region for region in _TITLES if region in found[where])], where
    return "", ""


def _regions(text: str) -> set[str]:
    text = words_apart(text)
    found = {region for region, words in _REGION_WORDS.items() if find_words(text, words)}
    return found | ({"liver"} if find_words(text, _LIVER_WORDS) else set())


def _spelt_out(body_part: str) -> str:
    """Take DICOM's run-together terms apart: CHESTABDPELVIS, HEADNECK."""
    text = body_part.upper()
    for word in ("CHEST", "THORAX", "ABDOMEN", "ABD", "PELVIS", "HEAD", "NECK", "BODY"):
        text = text.replace(word, f" {word} ")
    return text
