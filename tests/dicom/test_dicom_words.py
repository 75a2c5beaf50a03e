"""Keywords: descriptions as scanners in five languages write them."""

import pytest

from nnunet_multiphase.dicom.labels import mask_kind
from nnunet_multiphase.dicom.words import PHASE_WORDS, phases_named, seconds_named


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("Abdomen NATIV 5.0 B30f", "nc"),
        ("ABD W/O CONTRAST", "nc"),
        ("Leber ohne KM", "nc"),
        ("平扫 5mm", "nc"),
        ("単純CT", "nc"),
        ("上腹部C-", "nc"),
        ("LEBER_art_1.0", "art"),
        ("late arterial phase", "art"),
        ("Oberbauch spätarteriell", "art"),
        ("动脉期", "art"),
        ("造影 動脈相", "art"),
        ("Phase artérielle", "art"),
        ("AbdArt 1.0 B30f", "art"),
        ("LIVER LATE ART", "art"),
        ("ThorAbdVen", "pv"),
        ("Leber portalvenös 3.0", "pv"),
        ("LEBER PORTALVENOES", "pv"),
        ("PV 1.25mm", "pv"),
        ("portal-venous", "pv"),
        ("门脉期", "pv"),
        ("静脉期 1mm", "pv"),
        ("門脈相", "pv"),
        ("Spätphase", "dl"),
        ("Leber SpätVenös", "dl"),
        ("SPAETPHASE 5min", "dl"),
        ("Delayed", "dl"),
        ("延迟期", "dl"),
        ("平衡相", "dl"),
        ("遅延相", "dl"),
        ("\uff24\uff25\uff2c\uff21\uff39\uff25\uff24", "dl"),  # DELAYED in full-width letters
    ],
)
def test_description_names_one_phase(text: str, phase: str) -> None:
    assert list(phases_named(text)) == [phase]


@pytest.mark.parametrize(
    "text",
    # As TCIA's HCC-TACE-Seg has them; AP is abdomen and pelvis.
    [
        "LIVER 3 PHASE CAP",
        "Recon 2: LIVER 3 PHASE (AP)",
        "LIVER 2 PHASE (C/A/P)",
        "metal artifact",
        "Advent",
        "intravenous",
        "Abdomen",
        "",
    ],
)
def test_no_phase_is_read_into_other_words(text: str) -> None:
    assert phases_named(text) == {}


def test_several_phases_are_all_found() -> None:
    assert set(phases_named("Leber nativ/art/pv")) == {"nc", "art", "pv"}


@pytest.mark.parametrize("phase", PHASE_WORDS)
def test_every_keyword_names_its_own_phase_alone(phase: str) -> None:
    wrong = {
        word: found for word in PHASE_WORDS[phase] if list(found := phases_named(word.rstrip("*"))) != [phase]
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Abd 70s", 70),
        ("delay 35 sec", 35),
        ("LATE 5 min", 300),
        ("B30s", None),
        ("1.25s", None),
        ("5 s", None),
    ],
)
def test_delay_is_read_from_a_description(text: str, seconds: float | None) -> None:
    found = seconds_named(text)
    assert (found and found[0]) == seconds


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Mass", "lesions"),
        ("Necrosis", "lesions"),
        ("Tumour_1", "lesions"),
        ("LiverMetastasis", "lesions"),
        ("liver lesion", "lesions"),
        ("HCC2", "lesions"),
        ("Läsion Segment VII", "lesions"),
        ("肝腫瘍", "lesions"),
        ("GTV", "lesions"),
        ("Liver", "liver"),
        ("Leber", "liver"),
        ("肝臓", "liver"),
        ("non-tumorous liver", "liver"),
        ("Portal vein", None),
        ("liver vessels", None),
        ("肝静脉", None),
        ("Spleen", None),
        ("Massachusetts", None),
    ],
)
def test_mask_label_says_what_is_drawn(label: str, kind: str | None) -> None:
    assert mask_kind(label) == kind
