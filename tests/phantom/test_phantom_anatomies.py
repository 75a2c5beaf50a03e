"""Facts about the anatomies: each has what it is named for, measured on rendered images against the usual patient's."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

from nnunet_multiphase.cli.phantom import ANATOMIES
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phantom import anatomy as body
from nnunet_multiphase.phantom import make_cohort
from nnunet_multiphase.phantom.cohort import Case, make_case, sample_case, truth_of
from nnunet_multiphase.phantom.render import add_noise, render_hu, render_lesions, render_liver
from nnunet_multiphase.phantom.variants import VARIANTS

pytestmark = pytest.mark.slow

UNUSUAL = [name for name in VARIANTS if name != "usual"]


@functools.cache
def case(name: str) -> Case:
    return sample_case(1, seed=100, anatomy=name)


@functools.cache
def clean(name: str, phase: str) -> np.ndarray:
    drawn = case(name)
    return render_hu(drawn.patient, drawn.motions[phase], phase, drawn.grids[phase])


@functools.cache
def liver(name: str, phase: str) -> np.ndarray:
    drawn = case(name)
    return render_liver(drawn.patient, drawn.motions[phase], drawn.grids[phase]) > 0


def voxel_ml(name: str, phase: str) -> float:
    return float(np.prod(case(name).grids[phase].spacing_mm)) / 1000


@functools.cache
def at_rest(name: str, phase: str) -> np.ndarray:
    """Canonical place (3, z, y, x) of every voxel, by the liver's motion."""
    drawn = case(name)
    motion, grid = drawn.motions[phase], drawn.grids[phase]
    points = grid.points_mm(range(grid.size[2])) - motion.translation_mm[:, None]
    rest = motion.rotation.T @ points - motion.liver_shift_mm[:, None]
    return body.canonical(drawn.patient.anatomy, rest.astype(np.float32)).reshape(3, *grid.size[::-1])


def share_of_liver(name: str, phase: str, where: np.ndarray) -> float:
    return float((liver(name, phase) & where).sum() / liver(name, phase).sum())


def test_the_command_offers_every_anatomy() -> None:
    assert tuple(VARIANTS) == ANATOMIES


def test_an_unknown_anatomy_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="large-tumour"):
        make_cohort(tmp_path / "out", anatomy="huge")
    assert not (tmp_path / "out").exists()


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    once, again = (make_case(tmp_path / k, 1, seed=7, anatomy="cirrhosis") for k in ("once", "again"))
    for path in sorted(once.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_the_truth_names_an_unusual_anatomy_alone() -> None:
    assert "anatomy" not in truth_of(case("usual"))
    assert truth_of(case("iron"))["anatomy"] == "iron"


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_same_person_underlies_every_anatomy(name: str) -> None:
    assert case(name).patient.anatomy.fat_mm == case("usual").patient.anatomy.fat_mm


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_masks_phase_holds_the_whole_liver_with_its_lesions(name: str) -> None:
    reference = case(name).reference
    mask = liver(name, reference)
    assert mask.sum() * voxel_ml(name, reference) > 300
    # nowhere at the volume's faces
    assert mask.sum() == mask[1:-1, 1:-1, 1:-1].sum()
    lesions = render_lesions(
        case(name).patient,
        case(name).motions[reference],
        case(name).grids[reference],
        case(name).patient.lesions,
    )
    assert lesions.any()
    assert not (lesions[~mask]).any()


@pytest.mark.parametrize(("name", "low", "high"), [("fatty", 14, 26), ("usual", 38, 72), ("iron", 82, 98)])
def test_the_liver_measures_what_its_fat_and_iron_make_it(name: str, low: float, high: float) -> None:
    assert low < np.median(clean(name, "nc")[liver(name, "nc")]) < high


def test_cirrhosis_shrinks_the_right_lobe_and_leaves_the_rest() -> None:
    for name, low, high in (("usual", 0.6, 1.0), ("cirrhosis", 0.0, 0.55)):
        assert low < share_of_liver(name, "pv", at_rest(name, "pv")[0] < -26) < high


def test_cirrhosis_comes_with_free_fluid() -> None:
    fluid_ml = {}
    for name in ("usual", "cirrhosis"):
        hu = clean(name, "pv")
        where = at_rest(name, "pv")
        # beside the liver, away from the stomach and the gallbladder
        right = (
            (where[0] < -40) & (where[2] > -20) & (body.cavity(where.reshape(3, -1)).reshape(hu.shape) < -2)
        )
        fluid_ml[name] = ((hu > 3) & (hu < 15) & right).sum() * voxel_ml(name, "pv")
    assert fluid_ml["usual"] < 15
    assert fluid_ml["cirrhosis"] > 60


def test_cirrhosis_makes_the_surface_nodular() -> None:
    drawn = sample_case(1, seed=100, size="large", anatomy="cirrhosis")
    motion, grid = drawn.motions["pv"], drawn.grids["pv"]
    even = dataclasses.replace(
        drawn.patient, anatomy=dataclasses.replace(drawn.patient.anatomy, nodules_mm=0.0)
    )
    with_nodules, without = (render_liver(p, motion, grid).astype(int) for p in (drawn.patient, even))
    x, y, z = grid.spacing_mm
    sides = (x * y, x * z, y * z)
    surface_mm2 = sum(np.abs(np.diff(without, axis=axis)).sum() * sides[axis] for axis in range(3))
    voxel_mm3 = x * y * z
    # bumps stand out and hollows lie between them: each more than 0.2 mm when spread over the whole surface
    assert (with_nodules > without).sum() * voxel_mm3 / surface_mm2 > 0.2
    assert (with_nodules < without).sum() * voxel_mm3 / surface_mm2 > 0.2


def test_the_large_tumour_measures_12_cm() -> None:
    name, phase = "large-tumour", case("large-tumour").reference
    mass = case(name).patient.mass
    assert mass is not None
    mask = render_lesions(case(name).patient, case(name).motions[phase], case(name).grids[phase], (mass,)) > 0
    places = at_rest(name, phase)[:, mask]
    longest = float(np.ptp(places, axis=1).max())
    # a ball of 12 cm is stretched by up to a sixth, the scale differs by 6 %, and spine and kidney dent it
    assert 105 < longest < 150
    assert mask.sum() * voxel_ml(name, phase) > 500


def test_the_resected_liver_has_no_right_lobe() -> None:
    for name, low, high in (("usual", 0.5, 1.0), ("resected", 0.0, 0.25)):
        assert low < share_of_liver(name, "pv", at_rest(name, "pv")[0] < -36) < high


def test_the_left_lobe_reaches_over_the_spleen() -> None:
    for name, low, high in (("usual", -0.1, 2.0), ("left-lobe", 8.0, 200.0)):
        places = at_rest(name, "pv")
        spleen = body.spleen(case(name).patient.anatomy, places.reshape(3, -1)).reshape(places.shape[1:])
        beside = liver(name, "pv") & (spleen < 15)
        assert low < beside.sum() * voxel_ml(name, "pv") < high


def test_the_full_stomach_is_full() -> None:
    content_ml = {}
    for name in ("usual", "full-stomach"):
        patient = case(name).patient
        places = at_rest(name, "pv")
        left = (places[0] > 10) & (places[1] < 60) & (places[2] > -40)
        alike = np.abs(clean(name, "pv") - patient.stomach_hu) < 2
        content_ml[name] = (alike & left).sum() * voxel_ml(name, "pv")
    assert content_ml["usual"] < 150
    assert content_ml["full-stomach"] > 300


def test_the_arms_lie_on_both_sides_of_the_body() -> None:
    for name, arms in (("usual", False), ("arms-down", True)):
        aside = at_rest(name, "nc")[0]
        bone = clean(name, "nc") > 250
        assert bool((bone & (aside < -145)).any()) == arms
        assert bool((bone & (aside > 145)).any()) == arms


@pytest.mark.parametrize(("phase", "sigma_hu"), [("nc", 40), ("pv", 25)])
def test_the_noisy_scan_has_its_noise(phase: str, sigma_hu: float) -> None:
    drawn = case("noisy")
    noise = add_noise(np.random.default_rng(0), np.zeros_like(clean("noisy", phase)), drawn.noise_hu[phase])
    assert drawn.noise_hu[phase] == sigma_hu
    assert noise.std() == pytest.approx(sigma_hu, rel=1e-3)
