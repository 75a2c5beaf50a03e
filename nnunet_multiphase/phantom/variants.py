"""Make patients unlike the usual one: other livers, other neighbours, other scans.

A variant changes what `sample_patient` drew, and draws what it adds from a stream of its own: the usual patient of a seed
stays the same, to the byte.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from nnunet_multiphase.phantom.anatomy import Anatomy
from nnunet_multiphase.phantom.lesions import Lesion, sample_shape
from nnunet_multiphase.phantom.tissue import Patient

USUAL = "usual"
VARIANTS: dict[str, str] = {
    USUAL: "the patient as sampled",
    "fatty": "liver of some 20 HU without contrast: steatosis",
    "iron": "liver of some 90 HU without contrast: siderosis",
    "cirrhosis": "small nodular right lobe, large caudate and left lobe, large spleen, ascites",
    "large-tumour": "a tumour of 12 cm that the liver bulges over",
    "resected": "right lobe taken away, the left one grown, bowel in its place",
    "left-lobe": "left lobe that reaches over stomach and spleen to the left wall",
    "full-stomach": "stomach full of fluid or food",
    "arms-down": "arms beside the body, in a wider field of view",
    "noisy": "noise of 40 HU without contrast, of 25 HU with it",
}
TUMOUR_RADIUS_MM = 60.0
ARMS_FIELD = 1.56
"""The field of view's width with the arms in it, as a part of the usual one."""
LARGE_LIVER_LENGTH = 1.2
"""The covered length, likewise."""
NOISE_HU = (40.0, 25.0, 25.0, 25.0)  # in (nc, art, pv, dl)
_TUMOURS = ("hcc", "metastasis", "haemangioma")


@dataclass(frozen=True)
class Variation:
    """What sets one patient apart; made before his lesions are placed."""

    patient: Patient
    field: float = 1.0  # width of the field of view, as a part of the usual one
    length: float = 1.0  # the covered length, likewise
    noise_hu: tuple[float, ...] | None = None  # in (nc, art, pv, dl), where it is not the usual one


def vary(patient: Patient, name: str, rng: np.random.Generator) -> Variation:
    """Make a patient, still without lesions, one of a variant.

    Args:
        patient: The usual one.
        name: One of VARIANTS.
        rng: Source of randomness, of the variant's own.

    Returns:
        The patient, changed, and what changes about his scans.
    """
    usual = patient.anatomy

    def with_anatomy(**changes: object) -> Patient:
        return dataclasses.replace(patient, anatomy=dataclasses.replace(usual, **changes))  # type: ignore[arg-type]

    match name:
        case "fatty":
            return Variation(_with_liver_at(patient, float(rng.uniform(17, 23))))
        case "iron":
            return Variation(_with_liver_at(patient, float(rng.uniform(86, 94))))
        case "cirrhosis":
            changed = with_anatomy(
                right_lobe_radii=_scaled(usual.right_lobe_radii, (0.82, 0.8, 0.8)),
                left_lobe_radii=_scaled(usual.left_lobe_radii, (1.1, 1.2, 1.15)),
                caudate_radii=_scaled((28.0, 19.0, 34.0), tuple(rng.uniform(0.9, 1.15, 3))),
                left_lobe_reach=min(usual.left_lobe_reach, 10.0),
                nodules_mm=float(rng.uniform(1.3, 2.2)),
                ascites_mm=float(rng.uniform(10, 22)),
                spleen_radii=_scaled(usual.spleen_radii, (1.4, 1.45, 1.6)),
                stomach_shrink_mm=usual.stomach_shrink_mm + 4,
            )
            return Variation(dataclasses.replace(changed, texture_hu=3.0))
        case "large-tumour":
            return Variation(_with_tumour(patient, rng), length=LARGE_LIVER_LENGTH)
        case "resected":
            return Variation(
                with_anatomy(
                    right_lobe_resected=True,
                    left_lobe_radii=_scaled(usual.left_lobe_radii, (1.15, 1.4, 1.25)),
                    caudate_radii=_scaled((30.0, 20.0, 34.0), tuple(rng.uniform(0.9, 1.1, 3))),
                )
            )
        case "left-lobe":
            return Variation(
                with_anatomy(
                    left_lobe_tail_mm=float(rng.uniform(22, 27)),
                    left_lobe_reach=22.0,
                    stomach_shrink_mm=usual.stomach_shrink_mm + 8,
                )
            )
        case "full-stomach":
            changed = with_anatomy(
                stomach_shrink_mm=float(rng.uniform(-18, -11)), stomach_shift_mm=(8.0, -17.0, 0.0)
            )
            content_hu, level = float(rng.uniform(8, 50)), float(rng.uniform(-72, -60))
            return Variation(dataclasses.replace(changed, stomach_hu=content_hu, gas_level=level))
        case "arms-down":
            return Variation(with_anatomy(arms_gap_mm=float(rng.uniform(-24, -6))), field=ARMS_FIELD)
        case "noisy":
            return Variation(patient, noise_hu=NOISE_HU)
        case _:
            return Variation(patient)


def _scaled(radii: tuple[float, float, float], by: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = (float(r * s) for r, s in zip(radii, by, strict=True))
    return x, y, z


def _with_liver_at(patient: Patient, hu: float) -> Patient:
    """Shift the liver's HU by as much in every phase."""
    liver = patient.organ_hu["liver"]
    shifted = tuple(float(v + hu - liver[0]) for v in liver)
    return dataclasses.replace(patient, organ_hu={**patient.organ_hu, "liver": shifted})


def _with_tumour(patient: Patient, rng: np.random.Generator) -> Patient:
    """Put a tumour into the right lobe; the lobe lies about it."""
    kind = str(rng.choice(_TUMOURS))
    centre = np.array([-50.0, -6.0, 4.0]) * patient.anatomy.scale + rng.uniform(-8, 8, 3)
    tumour: Lesion = sample_shape(rng, kind, centre, TUMOUR_RADIUS_MM)
    anatomy: Anatomy = dataclasses.replace(
        patient.anatomy, right_lobe_radii=_scaled(patient.anatomy.right_lobe_radii, (1.08, 1.08, 1.16))
    )
    return dataclasses.replace(patient, anatomy=anatomy, lesions=(tumour,), mass=tumour)
