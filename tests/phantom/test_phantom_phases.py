"""Facts about enhancement: what each kind looks like in each phase, and that one phase is never enough."""

import functools

import numpy as np
import pytest
from conspicuity import contrast_hu, contrast_to_noise

from nnunet_multiphase.phantom.cohort import Case, sample_case
from nnunet_multiphase.phantom.lesions import CONTRAST_HU, KINDS, Lesion, place_lesions, sample_shape
from nnunet_multiphase.phases import PHASES

# Below this a voxel's difference drowns in the noise; above the other it shows. Far apart on purpose.
INVISIBLE, VISIBLE = 0.6, 1.2
PARTS_HU = {
    kind: {part: dict(zip(PHASES, hu, strict=True)) for part, hu in parts.items()}
    for kind, parts in CONTRAST_HU.items()
}


@functools.cache
def example(kind: str) -> tuple[Case, Lesion]:
    """A patient with one blob of 13 mm radius, of any kind at the same place."""
    case = sample_case(6, seed=0)
    rng = np.random.default_rng(0)
    blob = place_lesions(rng, ["cyst"], [13.0], case.patient.liver_distance)[0]
    return case, sample_shape(np.random.default_rng(1), kind, blob.centre, blob.radius_mm)


@functools.cache
def cnr(kind: str, phase: str, against: str | None = None) -> float:
    return contrast_to_noise(*example(kind), phase, against=against)


@pytest.mark.parametrize("phase", PHASES)
def test_no_single_phase_shows_every_kind(phase: str) -> None:
    assert min(cnr(kind, phase) for kind in KINDS) < INVISIBLE


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_in_some_phase(kind: str) -> None:
    assert max(cnr(kind, phase) for phase in PHASES) > VISIBLE


@pytest.mark.parametrize("phase", PHASES)
def test_no_single_phase_tells_the_arterial_mimic_from_every_lesion(phase: str) -> None:
    assert min(cnr(kind, phase, "arterial_nodule") for kind in KINDS) < INVISIBLE


@pytest.mark.parametrize("kind", KINDS)
def test_phases_together_tell_the_arterial_mimic_from_each_lesion(kind: str) -> None:
    assert max(cnr(kind, phase, "arterial_nodule") for phase in PHASES) > VISIBLE


def test_the_arterial_mimic_shows_in_the_arterial_phase_only() -> None:
    assert cnr("arterial_nodule", "art") > VISIBLE
    assert all(cnr("arterial_nodule", phase) < INVISIBLE for phase in ("nc", "pv", "dl"))


def test_focal_fat_is_dark_alike_in_every_phase() -> None:
    means = [contrast_hu(*example("focal_fat"), phase).mean() for phase in PHASES]
    # vessels cross it and voxels differ by phase: a few HU of 27
    assert max(means) < -20
    assert max(means) - min(means) < 8


def test_hcc_is_bright_early_and_washes_out_under_a_capsule() -> None:
    core, rim = PARTS_HU["hcc"]["core"], PARTS_HU["hcc"]["rim"]
    assert core["art"] > 30
    assert core["dl"] < -15
    assert rim["dl"] > 10 > core["dl"]


def test_metastasis_is_darkest_in_the_portal_phase_and_has_a_rim() -> None:
    core, rim = PARTS_HU["metastasis"]["core"], PARTS_HU["metastasis"]["rim"]
    assert min(core, key=lambda phase: core[phase]) == "pv"
    assert all(rim[phase] > core[phase] for phase in PHASES)


def test_cyst_measures_water_in_every_phase_of_the_image() -> None:
    for phase in PHASES:
        case, cyst = example("cyst")
        liver = case.patient.organ_hu["liver"][PHASES.index(phase)]
        measured = liver + np.percentile(contrast_hu(case, cyst, phase), 10)
        # 6 HU, but the comparison's bare liver is uneven: eight waves of 1.3 HU
        assert measured == pytest.approx(6, abs=6)


def test_haemangioma_fills_from_the_rim() -> None:
    bright = [(contrast_hu(*example("haemangioma"), phase) > 8).mean() for phase in ("art", "pv", "dl")]
    assert bright[0] < bright[1] < bright[2]
    assert bright[0] < 0.5
    assert bright[2] > 0.7


def test_fnh_is_bright_early_and_like_liver_late() -> None:
    means = {phase: contrast_hu(*example("fnh"), phase).mean() for phase in PHASES}
    assert means["art"] > 30
    assert abs(means["dl"]) < 6
    assert abs(means["nc"]) < 6
