"""Make a cohort: draw patients, render their phases, write case folders with masks and truth."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phantom.anatomy import sample_anatomy
from nnunet_multiphase.phantom.lesions import KINDS, MIMICS, place_lesions
from nnunet_multiphase.phantom.motion import Motion, sample_motion
from nnunet_multiphase.phantom.render import (
    Grid,
    add_kernel_noise,
    add_noise,
    render_hu,
    render_lesions,
    render_liver,
    sample_grid,
    to_image,
)
from nnunet_multiphase.phantom.tissue import Patient, sample_organ_hu, sample_texture
from nnunet_multiphase.phantom.truth import lesion_record, motion_record
from nnunet_multiphase.phantom.variants import USUAL, VARIANTS, Variation, vary
from nnunet_multiphase.phases import PHASES
from registration.volume_file import write_volume

# The masks' phase of ten cases, dealt in an order of the seed: mostly portal venous, as in real sets.
REFERENCE_DECK: tuple[str, ...] = ("pv",) * 7 + ("art",) * 2 + ("dl",)

LATTICE_MM = 4.0
"""How far apart the points are by which the liver's box is found."""


@dataclass(frozen=True)
class Size:
    """Resolution of a cohort: matrix (x, y), its width, slice spacings to choose from, coverage (all mm).

    Where `liver_margin_mm` is set, a phase covers the box of the liver and so much around it: `field_mm / in_plane[0]`
    is then the pixel itself, and the covered matrix and length follow from the patient. Where `noise_peak_per_mm` is
    set, the noise has the spectrum of `render.add_kernel_noise`.
    """

    in_plane: tuple[int, int]
    field_mm: float
    slice_mm: tuple[float, ...]
    length_mm: float
    liver_margin_mm: float | None = None
    noise_peak_per_mm: float | None = None

    def stretched(self, width: float, length: float) -> "Size":
        """Give the same resolution over a field of view that is wider and longer by these factors."""
        x, y = self.in_plane
        columns = round(x * width)
        return dataclasses.replace(
            self,
            in_plane=(columns, y),
            field_mm=self.field_mm * columns / x,
            length_mm=self.length_mm * length,
        )


SIZES: dict[str, Size] = {
    "small": Size((104, 82), 306.0, (4.0, 5.0, 6.0), 160.0),
    "large": Size((288, 228), 320.0, (2.0, 2.5, 3.0), 175.0),
    # the voxels of clinical CT in a field of view of 410 mm, of which only the liver's box is kept
    "clinical": Size((512, 512), 409.6, (2.5,), 175.0, liver_margin_mm=16.0, noise_peak_per_mm=0.25),
}


@dataclass(frozen=True)
class Case:
    """A patient, his motion and the grid of every phase, ready to be rendered."""

    name: str
    reference: str
    missing: tuple[str, ...]
    patient: Patient
    motions: dict[str, Motion]
    grids: dict[str, Grid]
    noise_hu: dict[str, float]
    anatomy: str = USUAL
    noise_peak_per_mm: float | None = None


def sample_case(
    number: int,
    *,
    seed: int = 0,
    size: str = "small",
    missing_fraction: float = 0.0,
    max_breath_mm: float = 24.0,
    max_rotation_deg: float = 6.0,
    max_shift_mm: float = 14.0,
    anatomy: str = USUAL,
) -> Case:
    """Draw case `number` (from 1) of a cohort; it does not depend on how many others there are."""
    rng = np.random.default_rng([seed, number])
    deck = np.random.default_rng([seed, 0]).permutation(len(REFERENCE_DECK))
    reference = REFERENCE_DECK[deck[(number - 1) % len(deck)]]
    variation = sample_patient(rng, number, variant=anatomy, variant_rng=_variant_rng(seed, number, anatomy))
    patient = variation.patient
    table = rng.uniform([-20, -40, -400], [20, 10, 300])
    limits = SIZES[size].stretched(variation.field, variation.length)
    box = None if limits.liver_margin_mm is None else liver_box(patient, limits.liver_margin_mm)
    motions, grids, noise = {}, {}, {}
    for phase in PHASES:
        motions[phase] = sample_motion(
            rng,
            table,
            max_breath_mm=max_breath_mm,
            max_rotation_deg=max_rotation_deg,
            max_shift_mm=max_shift_mm,
        )
        zoom = float(rng.uniform(0.94, 1.02)) if box is None else 1.0
        pixel = round(limits.field_mm * zoom / limits.in_plane[0], 3)
        shift = motions[phase].liver_shift_mm
        in_plane, length, middle = limits.in_plane, limits.length_mm, np.array([0, 0, shift[2] * 0.6 - 3.0])
        if box is not None:
            x, y, length = (float(edge) for edge in box[1] - box[0])
            in_plane, middle = (round(x / pixel), round(y / pixel)), box.mean(axis=0) + shift
        grids[phase] = sample_grid(
            rng,
            motions[phase],
            spacing_mm=(pixel, pixel, float(rng.choice(limits.slice_mm))),
            in_plane=in_plane,
            # the masks' phase covers the whole liver, the others may miss a little of it
            length_mm=length * (1.0 if phase == reference else float(rng.uniform(0.88, 1.0))),
            middle_mm=middle,
        )
        noise[phase] = float(rng.uniform(9.0, 14.0))
    if variation.noise_hu is not None:
        noise = dict(zip(PHASES, variation.noise_hu, strict=True))
    others = [phase for phase in PHASES if phase != reference]
    missing = (str(rng.choice(others)),) if rng.random() < missing_fraction else ()
    name = f"case_{number:03d}"
    return Case(name, reference, missing, patient, motions, grids, noise, anatomy, limits.noise_peak_per_mm)


def liver_box(patient: Patient, margin_mm: float) -> npt.NDArray[np.float64]:
    """Return the corners (2, 3) of the liver's box in the patient's frame, lowest first, with a margin (mm)."""
    axes = [np.arange(-160.0, 161.0, LATTICE_MM, dtype=np.float32)] * 3
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    inside = points[:, patient.liver_distance(points) < LATTICE_MM]
    return np.stack([inside.min(axis=1) - margin_mm, inside.max(axis=1) + margin_mm]).astype(np.float64)


def _variant_rng(seed: int, number: int, variant: str) -> np.random.Generator:
    """Give a variant a stream of its own, so that the others' order and number say nothing."""
    return np.random.default_rng([seed, number, *variant.encode()])


def sample_patient(
    rng: np.random.Generator, number: int, *, variant: str, variant_rng: np.random.Generator
) -> Variation:
    """Draw anatomy, enhancement, one to four lesions and two or three mimics.

    The first lesion's kind goes round with the case number, so that five cases hold all five kinds; every
    case has an arterial mimic.

    Args:
        rng: Source of randomness.
        number: Of the case.
        variant: One of VARIANTS; what it adds comes before the lesions, which find their places about it.
        variant_rng: Source of the variant's randomness.
    """
    anatomy = sample_anatomy(rng)
    usual = Patient(
        anatomy=anatomy,
        organ_hu=sample_organ_hu(rng),
        texture_waves=sample_texture(rng),
        gas_level=float(rng.uniform(-30, -8)),
        lesions=(),
        mimics=(),
    )
    variation = vary(usual, variant, variant_rng)
    empty = variation.patient
    count = int(rng.integers(1, 5))
    kinds = [KINDS[number % len(KINDS)], *(str(rng.choice(KINDS)) for _ in range(count - 1))]
    mimics = [MIMICS[number % 2], *(["focal_fat"] if rng.random() < 0.6 else [])]
    # more small ones than large ones
    radii = [6.0 + 19.0 * float(rng.beta(1.1, 1.9)) for _ in kinds]
    radii += [float(rng.uniform(10, 17)) for _ in mimics]
    placed = place_lesions(rng, kinds + mimics, radii, empty.liver_distance, beside=empty.lesions)
    patient = dataclasses.replace(
        empty,
        lesions=empty.lesions + tuple(lesion for lesion in placed if lesion.kind in KINDS),
        mimics=tuple(lesion for lesion in placed if lesion.kind in MIMICS),
    )
    return dataclasses.replace(variation, patient=patient)


def render_case(case: Case, *, seed: int = 0) -> dict[str, sitk.Image]:
    """Render all files of a case, by file name without its ending."""
    images = {}
    for index, phase in enumerate(PHASES):
        if phase in case.missing:
            continue
        grid, motion = case.grids[phase], case.motions[phase]
        rng = np.random.default_rng([seed, int(case.name.split("_")[1]), 1 + index])
        volume = render_hu(case.patient, motion, phase, grid)
        images[phase] = to_image(noisy(case, rng, volume, phase), grid)
        if phase == case.reference:
            lesions = render_lesions(case.patient, motion, grid, case.patient.lesions)
            images[f"lesions_{phase}"] = to_image(lesions, grid)
            images[f"liver_{phase}"] = to_image(render_liver(case.patient, motion, grid), grid)
    return images


def noisy(
    case: Case, rng: np.random.Generator, volume: npt.NDArray[np.float32], phase: str
) -> npt.NDArray[np.float32]:
    """Add a phase's noise to its noise-free HU (z, y, x)."""
    sigma, peak = case.noise_hu[phase], case.noise_peak_per_mm
    if peak is None:
        return add_noise(rng, volume, sigma)
    return add_kernel_noise(rng, volume, sigma, pixel_mm=case.grids[phase].spacing_mm[0], peak_per_mm=peak)


def truth_of(case: Case, *, seed: int = 0) -> dict[str, object]:
    """Return what truth.json says about a case."""
    reference = case.motions[case.reference]
    return {
        "case": case.name,
        "seed": seed,
        **({} if case.anatomy == USUAL else {"anatomy": case.anatomy}),
        "reference": case.reference,
        "missing": list(case.missing),
        "frame": "mm, LPS; liver point q lies in a phase at rotation (q + liver_shift_mm) + translation_mm",
        "motions": {phase: motion_record(motion) for phase, motion in case.motions.items()},
        "lesions": [lesion_record(lesion, reference) for lesion in case.patient.lesions],
        "mimics": [lesion_record(mimic, reference) for mimic in case.patient.mimics],
        "liver_hu": dict(zip(PHASES, case.patient.organ_hu["liver"], strict=True)),
        "noise_hu": case.noise_hu,
    }


def make_case(
    out: str | Path,
    number: int,
    *,
    seed: int = 0,
    size: str = "small",
    anatomy: str = USUAL,
    **options: float,
) -> Path:
    """Write one case folder and return it; nothing is left behind if it fails."""
    case = sample_case(number, seed=seed, size=size, anatomy=anatomy, **options)
    folder = Path(out) / case.name
    partial = Path(out) / f".{case.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, image in render_case(case, seed=seed).items():
            write_volume(image, partial / f"{name}.nii.gz")
        text = json.dumps(truth_of(case, seed=seed), indent=1)
        (partial / "truth.json").write_text(text + "\n", encoding="utf-8")
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def make_cohort(
    out: str | Path,
    *,
    cases: int = 12,
    seed: int = 0,
    size: str = "small",
    missing_fraction: float = 0.0,
    anatomy: str = USUAL,
) -> list[Path]:
    """Write a synthetic multi-phase cohort, one folder a case; the same seed gives the same bytes.

    Args:
        out: Folder to write into; made if it does not exist.
        cases: How many patients, at least 1.
        seed: Decides everything.
        size: "small" (about 104 x 82 x 32 voxels a phase), "large" (288 x 228 x 70) or "clinical" (the liver's box in
            voxels of 0.8 x 0.8 x 2.5 mm).
        missing_fraction: Share of the cases (0 to 1) that lack one phase other than the masks'.
        anatomy: One of `phantom.variants.VARIANTS`: patients as sampled, or all of one unlike kind.

    Returns:
        The case folders, in order.

    Raises:
        InputError: An argument is out of range, or a case folder is there already.
    """
    check_arguments(
        out, cases=cases, seed=seed, size=size, missing_fraction=missing_fraction, anatomy=anatomy
    )
    return [
        make_case(out, number, seed=seed, size=size, missing_fraction=missing_fraction, anatomy=anatomy)
        for number in range(1, cases + 1)
    ]


def check_arguments(
    out: str | Path, *, cases: int, seed: int, size: str, missing_fraction: float, anatomy: str = USUAL
) -> None:
    """Raise InputError for arguments that `make_cohort` cannot take."""
    if cases < 1:
        raise InputError(f"expected at least one case, got {cases}; pass --cases 1 or more")
    if seed < 0:
        raise InputError(f"expected a seed of 0 or more, got {seed}")
    if size not in SIZES:
        raise InputError(f"expected a size of {', '.join(SIZES)}, got {size!r}")
    if anatomy not in VARIANTS:
        raise InputError(f"expected an anatomy of {', '.join(VARIANTS)}, got {anatomy!r}")
    if not 0 <= missing_fraction <= 1:
        raise InputError(f"expected a missing fraction between 0 and 1, got {missing_fraction}")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder to write the cohort into")
    taken = [path.name for path in sorted(folder.glob("case_*"))]
    if taken:
        raise InputError(f"{folder} holds {taken[0]} already; choose an empty folder or remove it first")
