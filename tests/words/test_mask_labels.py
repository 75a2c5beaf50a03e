"""Labels of masks: lesion only where it plainly is, in the languages of clinics and sets."""

from __future__ import annotations

import pytest

from nnunet_multiphase.words.labels import mask_kind, own_reading, read_label


def read_as(labels: str, expected: str | None) -> dict[str, str | None]:
    """Read labels (split at "|"); those that are read as something else than expected."""
    return {label: kind for label in labels.split("|") if (kind := mask_kind(label)) != expected}


@pytest.mark.parametrize(
    "labels",
    [
        "GTV|GTV1|GTV 2|GTVp|GTV_liver|GTV liver|Gross Tumor Volume|GTV_5000cGy",
        "livertumor01|liver_tumor|LiverTumor|hepatic lesion|Liver Lesion #3|tumor (liver)",
        "right lobe HCC|lesion segment 4a",
        "nodule 1|HCC 12 mm|viable tumor|FNH|Hemangioma|liver cyst|colorectal liver metastasis",
        "Neoplasm, Primary",
        "LI-RADS 5|LR-5|LR-M|LIRADS 3",
        "Lebermetastase|Leberläsion|Leberzyste|tumeur|lésion hépatique|kyste hépatique",
        "lesione epatica|epatocarcinoma",
        "tumor hepático|metástasis|lesão|lesão hepática|nódulo|levertumor|laesie|опухоль",
        "опухоль печени|очаг|рак печени",
        "종양|간암|간 전이|肝肿瘤|肝转移瘤|病灶1|肝細胞癌|多発肝転移|肝血管腫",
    ],
)
def test_lesions_are_known_in_many_tongues(labels: str) -> None:
    assert read_as(labels, "lesions") == {}


@pytest.mark.parametrize(
    "labels",
    [
        "Leber Tu|Leber Tu 2|Tu Leber|Leber Filia|Leber Filiae|Filia S7|Liver mts|liver_les|Liver Les 1|Liver Les",
        "Leber Läs|Liver SOL|hígado LOE|foie méta|Leber MTS|Leber Meta|Liver Met1|liver_met_3|Liver_met|Liver metas",
        "Lésion hépatique n°1|lesión nº 1|lesion №2|Lesion no 3|Tumor baseline|HCC follow-up",
        "letsel|letsel lever|guz|guz wątroby|zmiana ogniskowa|przerzuty|ognisko|lezyon|kitle|karaciğer kitlesi",
        "metastaz|karaciğerde kitle|nádor|ložisko|metastáza|tumör i levern|maksan kasvain|leziune|svulst",
        "L?sion|L\ufffdsion S4|LÃ¤sion|LÃ©sion hÃ©patique|Leberl?sion|n?dulo",
    ],
)
def test_short_words_and_further_tongues_name_lesions(labels: str) -> None:
    assert read_as(labels, "lesions") == {}


@pytest.mark.parametrize(
    "labels",
    [
        "Whole liver|Liver_1|LIVER|Leber gesamt|foie|fegato|fígado|hígado|Lever|печень|간|肝|肝臓|肝脏",
        "non-tumorous liver|karaciğer|wątroba|játra|maksa|ficat|f?gado|fÃ\xadgado",
        "Liver_seg|liver auto|Liver TotalSegmentator|Liver pv|Liver v2|Liver_CT1|Leber final",
    ],
)
def test_liver_is_known_in_many_tongues(labels: str) -> None:
    assert read_as(labels, "liver") == {}


@pytest.mark.parametrize(
    "labels",
    [
        # a short word behind the liver's name that no list holds
        "Leber RF|Leber Me|liver mtx|Liver tum|liver ca|foie tum|hígado tm|liver tox|Liver smith|Leber RES|liver nontu",
        "Leber li|liver abl|Leber Resektat",
        # words that describe a lesion
        "Liver HYPO|Liver hypodensity|Liver hypodense|Liver target|Liver residual|liver viable|Liver enhancing|Leber klein",
        "Liver satellite|Liver index|Liver benign|Liver necrotic|foie primitif|Liver T|foie T1|Lever T1",
        # a dose, or a part
        "Liver 30Gy|Liver 30 Gy|Liver_20cGy|Liver seg 5|liver_seg_4|Liver segm. 4|Liver 3 cm|Liver copy",
    ],
)
def test_what_stands_behind_the_livers_name_leaves_it_open_and_is_named(labels: str) -> None:
    readings = {label: read_label(label) for label in labels.split("|")}
    assert {label: reading for label, reading in readings.items() if reading.kind or not reading.why} == {}


@pytest.mark.parametrize(
    "labels",
    ["Lesion DELETE|Lesion draft|Lesion (copy)|Lesion tmp|wrong lesion|Tumor Entwurf|Tumor unused|HCC?s"],
)
def test_what_was_drawn_to_be_thrown_away_is_no_lesion(labels: str) -> None:
    assert read_as(labels, None) == {}


@pytest.mark.parametrize(
    "labels",
    [
        # the liver less its lesions
        "Liver-GTV|Liver minus GTV|Liver_minus_PTV|liver_sub_gtv|LIVER-CTV|Liver excl tumor",
        "Liver w/o tumor|Liver\\GTV|Liver!GTV",
        "liver\u2013GTV|Liver\u2212tumor|LiverMinusGTV|LiverNoTumor|Leber ohne Tumor|Leber abzgl. Tumor",
        "foie sans tumeur|foie hors tumeur",
        "fegato senza tumore|hígado sin tumor|fígado sem lesão|lever zonder tumor",
        "печень без опухоли|печень-опухоль",
        "肝臓(腫瘍除く)|肝(除肿瘤)|肝-肿瘤|종양 제외 간|종양 없는 간|tumor-free liver",
        "uninvolved liver|normal liver",
        # both in one, or which of the two is not said
        "Liver+lesions|Liver and tumor|Leber mit Tumor|liver incl. GTV|foie et tumeur|肝和肿瘤",
        "Liver/Tumor|Liver, tumor|Liver_GTV",
        # no lesion, or perhaps none
        "Liver without lesion|no lesion|non-lesion|NonTumor|kein Tumor|pas de tumeur",
        "nessuna lesione|sin lesiones|無腫瘍|没有病灶",
        "Lesion candidate|rejected lesion|Lesion ignore|lesions_discarded",
        "HCC?|susp. HCC|DD Metastase|LR-1|pseudolesion|False positive lesion",
    ],
)
def test_what_is_taken_away_or_put_together_is_no_lesion(labels: str) -> None:
    assert read_as(labels, None) == {}


@pytest.mark.parametrize(
    "labels",
    [
        "Kidney mass|kidney_tumor|pancreas_tumor|Adrenal mass|lung lesion|bone metastases",
        "splenic lesion|breast mass|colon cancer",
        "lymph node metastasis|GTVn|GTV_LN|GTV nodal|bile duct tumor|gallbladder carcinoma",
        "thyroid nodule|renal cyst|brain met",
        "Nierentumor|Hirnmetastase|Pankreaskarzinom|Nebennierentumor|tumeur du rein",
        "masse surrénalienne|tumore renale",
        "tumor de páncreas|nódulo pulmonar|massa renal|alvleeskliertumor|опухоль почки",
        "метастазы в легких",
        "신장 종양|폐 결절|췌장암|腎腫瘍|肺癌|胰腺癌|骨转移|副腎腫瘍|tumor zzyzx|zzyzx lesion",
    ],
)
def test_lesions_of_other_organs_are_not_taken(labels: str) -> None:
    assert read_as(labels, None) == {}


@pytest.mark.parametrize(
    "labels",
    [
        "PTV|CTV|ITV|iGTV|GTV+5mm|GTV_5mm|GTV exp 3|GTV margin|Tumor bed|tumor rim|GTV ring",
        "peritumoral|Tumorrand|Tumor + 5 mm",
        "Tumor thrombus|PVTT|LR-TIV|癌栓|ablation zone|消融区|embolized tumor|post TACE tumor",
        "resected tumor|old lesion|alter Tumor",
        "resection cavity|tumor vessels|tumor biopsy|GTV_MRI|GTV_PET|术后|tumor in portal vein",
    ],
)
def test_shapes_drawn_about_a_lesion_are_not_taken(labels: str) -> None:
    assert read_as(labels, None) == {}


@pytest.mark.parametrize(
    "labels",
    [
        "Left liver|liver segment 4|Leber rechts|future liver remnant|hepatic artery|肝静脉|肝左叶|Liver VIII|sliver"
    ],
)
def test_a_part_of_the_liver_is_not_the_liver(labels: str) -> None:
    assert read_as(labels, None) == {}


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("Liver minus GTV Dr. Smith", "a negation ('minus')"),
        ("renal lesion 2", "another organ or structure ('renal')"),
        ("Müllertumor", "a compound with a word that is not known ('tumor')"),
        ("tumor Müller", "a word that is not known"),
    ],
)
def test_what_speaks_against_a_label_is_told_in_words_of_our_own(label: str, why: str) -> None:
    assert read_label(label).why == why


@pytest.mark.parametrize(
    ("label", "known"), [("Spleen", True), ("Segment_1", False), ("zzyzx", False), ("", False)]
)
def test_a_label_of_which_nothing_is_known_says_so(label: str, known: bool) -> None:
    reading = read_label(label)
    assert (reading.kind, reading.why, reading.known) == (None, "", known)


def test_own_words_do_not_silence_what_speaks_against() -> None:
    own = {"lesions": ("Knoten",), "other": ("ghost",)}
    readings = [
        own_reading(label, own) for label in ("Knoten 2", "Leber ohne Knoten", "Knoten ghost", "Milz")
    ]
    assert [reading and (reading.kind, bool(reading.why)) for reading in readings] == [
        ("lesions", False),
        (None, True),
        (None, False),
        None,
    ]
