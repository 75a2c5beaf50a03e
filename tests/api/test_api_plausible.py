"""The public functions find implausible what setup finds so, and say how to insist in Python."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from torso import image_of, lesion_mask, liver_mask, torso_hu

import nnunet_multiphase as mp
from registration.padding import without_filling

PV, ART, NC = (image_of(torso_hu(liver_hu=hu, seed=n)) for n, hu in enumerate((110, 75, 50)))
LESIONS, LIVER = (image_of(mask, np.uint8) for mask in (lesion_mask(), liver_mask()))
LEFT = image_of(lesion_mask()[:, :, ::-1], np.uint8)
PHASES = {"nc": NC, "art": ART, "pv": PV}


def scaled(image: sitk.Image, by: float) -> sitk.Image:
    """Change the voxel size alone."""
    image = sitk.Image(image)
    image.SetSpacing([size * by for size in image.GetSpacing()])
    return image


def mirrored(image: sitk.Image) -> sitk.Image:
    flipped = sitk.GetImageFromArray(sitk.GetArrayFromImage(image)[:, :, ::-1].copy())
    flipped.CopyInformation(image)
    return flipped


SMALL = {name: scaled(image, 0.3) for name, image in (("pv", PV), ("liver", LIVER), ("lesions", LESIONS))}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda **_: mp.lesion_table(SMALL["lesions"], {"pv": SMALL["pv"]}, **_),
            "body 9[0-9] mm wide.*'body-size'",
        ),
        (
            lambda **_: mp.lesion_table(SMALL["lesions"], liver=SMALL["liver"], **_),
            "liver mask holds .*'mask-size'",
        ),
        (
            lambda **_: mp.lesion_table(LESIONS, {"pv": PV}, liver=mirrored(LIVER), **_),
            "liver mask has .*mirrored right to left it would fit.*'liver-hu'",
        ),
        (
            lambda **_: mp.lesion_table(sitk.Cast(PV < -900, sitk.sitkUInt8), {"pv": PV}, **_),
            "lesion mask .*'mask-size'",
        ),
        (
            lambda **_: mp.lesion_table(LIVER, {"pv": PV}, liver=LIVER, **_),
            "fills 100 % of the liver.*'mask-size'",
        ),
        (
            lambda **_: mp.lesion_table(
                mirrored(LESIONS), {"pv": mirrored(PV)}, liver=mirrored(LIVER), case="A", **_
            ),
            "liver mask lies .*patient's left.*'liver-side'",
        ),
        (
            lambda **_: mp.lesion_table(LESIONS, {"nc": PV, "art": NC}, liver=LIVER, case="A", **_),
            "case A: nc, the phase without contrast, is brighter.*'phase-order'",
        ),
        (
            lambda **_: mp.align_phases({"NC": PV, "ART": NC}, "art", registered=True, **_),
            "the patient: nc, the phase without contrast, is brighter.*'phase-order'",
        ),
        (
            lambda **_: mp.align_phases({"pv": PV, "art": scaled(ART, 0.3)}, "pv", **_),
            "phase art holds a body 9[0-9] mm wide.*'body-size'",
        ),
        (lambda **_: mp.register(PV, SMALL["pv"], **_), "the moving volume holds a body.*'body-size'"),
        (lambda **_: mp.register(PV + 1024, ART, **_), "the reference holds values .*'hu-offset'"),
        (
            lambda **_: mp.register(PV, scaled(ART, 1.8), **_),
            "the volumes: the reference holds a body .* and the moving volume one .*'body-size'",
        ),
    ],
)
def test_what_setup_refuses_is_refused_with_its_words(call: Callable[..., Any], said: str) -> None:
    with pytest.raises(mp.InputError, match=said) as refused:
        call()
    assert "--accept" not in str(refused.value)


def test_what_is_accepted_is_measured() -> None:
    both = {"pv": SMALL["pv"]}
    table = mp.lesion_table(SMALL["lesions"], both, liver=SMALL["liver"], accept=["body-size", "mask-size"])
    assert table.lesions[0].volume_ml == pytest.approx(0.027 * mp.lesion_table(LESIONS).lesions[0].volume_ml)
    assert mp.lesion_table(SMALL["lesions"], liver=SMALL["liver"], accept="mask-size").liver_ml is not None
    with pytest.raises(mp.InputError, match="accept 'body' is no check: expected some of hu-offset, "):
        mp.lesion_table(LESIONS, accept=["body"])


def test_a_right_case_is_taken_without_a_word(tmp_path: Path) -> None:
    for phase, image in PHASES.items():
        sitk.WriteImage(image, str(tmp_path / f"{phase}.nii.gz"))
    files = {phase: tmp_path / f"{phase}.nii.gz" for phase in PHASES}
    around = sitk.And(LIVER, LESIONS == 0)  # a model's liver, without the lesions
    turned = sitk.PermuteAxes(LESIONS, [2, 0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mp.align_phases(files, "pv", liver_mask=LIVER, lesion_mask=turned, registered=True)
        for liver in (None, LIVER, around):
            assert len(mp.lesion_table(LESIONS, PHASES, liver=liver).lesions) == 1
        assert mp.lesion_table(turned, PHASES, liver=LIVER).lesions[0].side == "right"
        assert mp.lesion_table(LESIONS[:, :, 14:15], {"pv": PV[:, :, 14:15]}).lesions


def test_an_empty_liver_is_refused() -> None:
    with pytest.raises(mp.InputError, match="the liver mask is empty: expected the liver; draw it, or leave"):
        mp.lesion_table(LESIONS, liver=LIVER * 0)


def test_one_false_lesion_of_a_prediction_costs_no_table() -> None:
    values = liver_mask().astype(np.uint8)
    values[:12] = 0  # a tumour of half the liver
    values[2:5, 1:4, 1:4] = 1  # 6.8 ml of air
    with pytest.warns(UserWarning, match="the lesion mask does not fit: 1 of 2 lesions lie in fat or air"):
        assert len(mp.lesion_table(image_of(values, np.uint8), {"pv": PV}, liver=LIVER).lesions) == 2


def test_lesions_away_from_the_liver_are_told() -> None:
    with pytest.warns(UserWarning, match="100 % of the lesions lie outside the liver mask, "):
        assert mp.lesion_table(LEFT, liver=LIVER).lesions[0].outside_liver


def test_a_lesion_at_the_end_of_the_volume_is_told() -> None:
    lowest = int(np.flatnonzero(sitk.GetArrayViewFromImage(LESIONS).any(axis=(1, 2)))[0])
    with pytest.warns(UserWarning, match="lesion 1 reaches the end of the volume: its volume and diameters"):
        assert mp.lesion_table(LESIONS[:, :, lowest:]).lesions[0].cut_off == ("volume",)


@pytest.mark.parametrize("call", [mp.align_phases, lambda given, _: mp.lesion_table(LESIONS, given)])
def test_one_volume_under_two_names_is_refused(call: Callable[[dict[str, sitk.Image], str], object]) -> None:
    with pytest.raises(mp.InputError, match="phase pv and phase art hold the same voxels"):
        call({"art": ART, "pv": sitk.PermuteAxes(ART, [1, 0, 2])}, "pv")


def test_one_volume_given_twice_to_register_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registration.register", lambda *_, **__: "registered")
    with pytest.warns(UserWarning, match="the reference and the moving volume hold the same voxels"):
        assert mp.register(PV, PV) == "registered"


def test_a_copy_that_was_resampled_is_told() -> None:
    fine = sitk.AdditiveGaussianNoise(sitk.Expand(PV, [3, 3, 3]), 15.0, 0.0, 1)
    with pytest.warns(UserWarning, match="phase pv seems to be a copy of art"):
        mp.lesion_table(
            sitk.Expand(LESIONS, [3, 3, 3], sitk.sitkNearestNeighbor), {"art": fine, "pv": fine + 1}
        )


def test_an_arterial_liver_brighter_than_later_is_told() -> None:
    with pytest.warns(UserWarning, match="what looks like the liver has about .* in art"):
        mp.lesion_table(LESIONS, {"art": PV, "pv": ART}, liver=LIVER)


def test_names_count_in_any_letter_case() -> None:
    right = mp.lesion_table(LESIONS, PHASES, liver=LIVER, reference="pv")
    given = {"NC": NC, "Art": ART, " pv": PV}
    assert mp.lesion_table(LESIONS, given, liver=LIVER, reference="PV") == right
    aligned = mp.align_phases({"PV": PV, "ART": ART}, "pv", registered=True)
    assert (aligned.reference, set(aligned.images)) == ("PV", {"PV", "ART"})
    with pytest.raises(mp.InputError, match="phase pv is given twice"):
        mp.lesion_table(LESIONS, {"pv": PV, "PV": ART})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"native": NC, "arterial": ART}, "'native' (it seems to be nc), 'arterial' (it seems to be art)"),
        (
            {"pv": PV, "other": ART},
            "'other', and enhancement and washout are told by the names nc (non-contrast)",
        ),
        ({"arterial": ART}, "'arterial' (it seems to be art)"),
    ],
)
def test_names_by_which_results_would_be_lost_are_refused(given: dict[str, sitk.Image], said: str) -> None:
    with pytest.raises(mp.InputError, match=re.escape(f"phases are called {said}")):
        mp.lesion_table(LESIONS, given)


def test_other_names_are_taken_where_nothing_is_lost() -> None:
    assert "ct" in mp.lesion_table(LESIONS, {"ct": PV}, liver=LIVER).lesions[0].lesion
    early = image_of(torso_hu(liver_hu=65, seed=7))
    delayed = image_of(torso_hu(liver_hu=100, seed=8))
    table = mp.lesion_table(LESIONS, {**PHASES, "dl": delayed, "early": early}, liver=LIVER)
    assert "early" in table.lesions[0].lesion


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: mp.align_phases({"pv": PV, "art": ART}, PV),
            "the phases pv, art must be a text such as 'pv', not Image",
        ),
        (
            lambda: mp.lesion_table(LESIONS, {"pv": PV}, reference=PV),
            "must be a text such as 'pv', not Image",
        ),
        (
            lambda: mp.align_phases({1: PV, "art": ART}, "art"),
            "a phase's name must be a text such as 'pv', not int",
        ),
        (
            lambda: mp.align_phases({"pv": PV, "art": ART}, "pv", on_failure="drop"),
            "on_failure 'drop': expected one of",
        ),
        (
            lambda: mp.register(PV, ART, settings={"model": "rigid"}),
            "settings must be RegistrationSettings, but are a dict",
        ),
        (lambda: mp.register(PV, ART, settings="deformable"), "give them such as settings="),
        (lambda: mp.align_phases(PHASES, "pv", settings="rigid"), "settings must be RegistrationSettings"),
        (lambda: mp.build_dataset("raw", 1, "A", settings="rigid"), "settings must be RegistrationSettings"),
        (
            lambda: mp.predict_case(None, "case", "out", settings="rigid"),
            "settings must be RegistrationSettings",
        ),
    ],
)
def test_an_argument_of_another_kind_is_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(mp.InputError, match=said):
        call()


def test_a_folder_of_files_is_no_series_and_its_files_are_named(tmp_path: Path) -> None:
    for name in ("art", "pv"):
        sitk.WriteImage(PV, str(tmp_path / f"{name}.nii.gz"))
    for call in (lambda: mp.register(tmp_path, PV), lambda: mp.lesion_table(tmp_path)):
        with pytest.raises(
            mp.InputError, match=r"if art\.nii\.gz or pv\.nii\.gz in it is meant, give that file"
        ):
            call()


def changed(image: sitk.Image, change: Callable[[np.ndarray], None]) -> sitk.Image:
    values = sitk.GetArrayFromImage(image)
    change(values)
    made = sitk.GetImageFromArray(values)
    made.CopyInformation(image)
    return made


def test_what_resampling_filled_with_0_is_no_data_and_told() -> None:
    """SimpleITK's own default: a lesion beyond the phase's end had 0 HU there, and washed out."""
    middle = int(np.argwhere(lesion_mask())[:, 0].mean())

    def fill(values: np.ndarray) -> None:
        values[middle - 1 :] = 0

    with pytest.warns(
        UserWarning, match="phase art holds 0 HU in .* % of its voxels, in pieces up to its sides"
    ):
        table = mp.lesion_table(LESIONS, {"pv": PV, "art": changed(ART, fill)})
    assert table.lesions[0].lesion.keys() == {"pv"}


def test_tissue_of_0_hu_is_no_filling() -> None:
    few = changed(ART, lambda values: values.__setitem__((slice(None), 20, slice(10, 14)), 0))
    assert without_filling(few) == (few, 0.0)


def test_padding_of_a_given_volume_is_told() -> None:
    padded = changed(PV, lambda values: values.__setitem__((slice(None), slice(3)), -2000))
    with pytest.warns(
        UserWarning, match="phase pv holds -2000 and the like in 6 % of its voxels.*taken as air"
    ):
        mp.lesion_table(LESIONS, {"pv": padded})
