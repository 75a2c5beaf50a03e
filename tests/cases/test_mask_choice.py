"""Which phase is the reference, and which masks are brought along."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnunet_multiphase.cases.mask_choice import MaskChoice, MaskRule, choose_masks
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.mask_file import MaskFiles

ART, PV, DL = (MaskFiles((Path(f"lesions_{phase}.nii.gz"),)) for phase in ("art", "pv", "dl"))
PHASES = ("nc", "art", "pv", "dl")


def choose(lesions: dict[str, MaskFiles], **rule: str) -> MaskChoice:
    return choose_masks("c", PHASES, lesions, MaskRule(**rule))


def test_the_masks_phase_is_the_reference() -> None:
    assert choose({"art": ART}) == MaskChoice("art", ART, {})


def test_a_wanted_reference_brings_the_mask_along() -> None:
    assert choose({"art": ART}, reference="pv") == MaskChoice("pv", None, {"art": ART})
    assert choose({"art": ART}, reference="art") == MaskChoice("art", ART, {})


def test_several_masks_are_refused_unless_allowed() -> None:
    with pytest.raises(
        InputError, match=r"case c: .*several phases \(lesions_art.nii.gz, lesions_pv.nii.gz\)"
    ):
        choose({"art": ART, "pv": PV})


def test_merging_brings_the_others_to_pv_or_to_the_first() -> None:
    masks = {"dl": DL, "art": ART}
    assert choose(masks, several="merge") == MaskChoice("art", ART, {"dl": DL})
    assert choose(masks | {"pv": PV}, several="merge") == MaskChoice("pv", PV, {"art": ART, "dl": DL})
    assert choose(masks, several="merge", reference="nc") == MaskChoice("nc", None, {"art": ART, "dl": DL})


def test_the_references_mask_alone() -> None:
    masks = {"dl": DL, "art": ART}
    assert choose(masks, several="reference", reference="dl") == MaskChoice("dl", DL, {})
    with pytest.raises(InputError, match="no lesion mask on the reference phase pv, but on dl, art"):
        choose(masks, several="reference", reference="pv")


def test_a_reference_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="lacks the wanted reference phase pv, it has art"):
        choose_masks("c", ("art",), {"art": ART}, MaskRule(reference="pv"))
