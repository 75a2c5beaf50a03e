"""Make up a finished benchmark: predictions are the truth, spoiled by as much as each contestant is bad."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from nnunet_multiphase.benchmark.layout import (
    TRUTH,
    Cost,
    Plan,
    Training,
    all_trainings,
    image_file,
    prediction_file,
    truth_file,
    write_cost,
    write_plan,
)
from nnunet_multiphase.evaluation.lesions import label_lesions
from nnunet_multiphase.json_file import write_json


@dataclass(frozen=True)
class Skill:
    """Hold how a contestant errs.

    Attributes:
        border_mm: SD of how far it draws a lesion too large or too small.
        missed_mm: Lesions of this diameter are found every second time; much larger ones always.
        false: False lesions a case.
        seed: Of its errors; two contestants with one seed and one skill are copies.
        cost: Parameters in millions, GMAC, seconds per step, seconds per case, MiB.
    """

    border_mm: float
    missed_mm: float
    false: float
    seed: int
    cost: tuple[float, float, float, float, float] = (1.0, 10.0, 0.5, 8.0, 2000.0)


def predicted(truth: np.ndarray, spacing_zyx, skill: Skill, seed: int) -> np.ndarray:
    """Spoil a (z, y, x) mask."""
    random = np.random.default_rng((skill.seed, seed))
    lesions = label_lesions(truth)
    inside = ndimage.distance_transform_edt(truth, sampling=spacing_zyx)
    outside = ndimage.distance_transform_edt(~truth, sampling=spacing_zyx)
    out = np.zeros(truth.shape, bool)
    voxel = float(np.prod(spacing_zyx))
    for lesion in range(1, int(lesions.max(initial=0)) + 1):
        own = lesions == lesion
        diameter = 2 * (3 * own.sum() * voxel / (4 * np.pi)) ** (1 / 3)
        shift = random.normal(0, skill.border_mm)
        if random.random() > 1 / (1 + (skill.missed_mm / diameter) ** 4):
            continue
        if shift < 0:
            kept = own & (inside > min(-shift, 0.8 * inside[own].max()))
            out |= kept
        else:
            # Nearer to this lesion than `shift`; another one's voxels are not meant.
            out |= (outside <= shift) & (ndimage.distance_transform_edt(~own, sampling=spacing_zyx) <= shift)
    for _ in range(random.poisson(skill.false)):
        middle = [random.integers(n // 4, 3 * n // 4) for n in truth.shape]
        grid = np.indices(truth.shape)
        radius = random.uniform(2.5, 6.0)
        ball = (
            sum(((g - m) * s / radius) ** 2 for g, m, s in zip(grid, middle, spacing_zyx, strict=True)) <= 1
        )
        out |= ball & (outside > 10)
    return out


def make_benchmark(
    work: Path,
    volumes: dict[str, tuple[sitk.Image, sitk.Image]],
    skills: dict[str, Skill],
    *,
    folds=2,
    seeds=(0, 1),
    test=0,
) -> Plan:
    """Write a finished benchmark.

    Args:
        work: Where.
        volumes: Case -> image in HU, lesions (0, 1).
        skills: Contestant -> how it errs; the first is what the others are compared with.
        folds: Of the cross-validation.
        seeds: Each is a training.
        test: So many cases, the last ones, are test cases.
    """
    names = sorted(volumes)
    for_test = names[len(names) - test :]
    for_folds = names[: len(names) - test]
    plan = Plan(
        contestants=tuple(skills),
        folds=tuple(range(folds)),
        seeds=tuple(seeds),
        budget="epochs=50",
        iterations=250,
        val_iterations=50,
        configuration="3d_fullres",
        device="cpu",
        mirroring=True,
        dataset="Dataset501_MadeUp",
        fingerprint="made up",
        validation_cases=tuple(tuple(for_folds[f::folds]) for f in range(folds)),
        test_cases=tuple(for_test),
        images={name: f"images/{name}.nii.gz" for name in names},
    )
    (work / TRUTH).mkdir(parents=True)
    (work / "images").mkdir()
    write_plan(work, plan)
    write_json(work / TRUTH / "dataset.json", {"labels": {"background": 0, "lesion": 1}})
    for name, (image, truth) in volumes.items():
        sitk.WriteImage(image, str(image_file(work, plan, name)))
        sitk.WriteImage(truth, str(truth_file(work, name)))
    for training in all_trainings(plan):
        write_training(work, plan, training, skills[training.contestant], volumes)
    return plan


def write_training(work: Path, plan: Plan, training: Training, skill: Skill, volumes) -> None:
    """Write a training's predictions and cost."""
    (work / training.predictions).mkdir(parents=True)
    for case in plan.cases_of(training.fold):
        truth = volumes[case][1]
        seed = 1000 * sorted(volumes).index(case) + 10 * training.seed + training.fold
        mask = predicted(sitk.GetArrayFromImage(truth) != 0, truth.GetSpacing()[::-1], skill, seed)
        made = sitk.GetImageFromArray(mask.astype(np.uint8))
        made.CopyInformation(truth)
        sitk.WriteImage(made, str(prediction_file(work, training, case)), useCompression=True)
    millions, gmac, step, case_s, memory = skill.cost
    epochs = np.arange(50)
    losses = [
        float(round(-0.8 + 1.3 * np.exp(-e / 12) + 0.02 * np.cos(e * (skill.seed + 1)), 4)) for e in epochs
    ]
    write_cost(
        work,
        training,
        Cost(
            parameters=round(millions * 1e6),
            gmac=gmac,
            seconds_per_step=step * (1 + 0.02 * training.seed),
            seconds_per_case=case_s * (1 + 0.05 * training.fold),
            peak_memory_mib=memory,
            epochs=50,
            seconds=step * 12_500,
            patch=(48, 160, 160),
            spacing_mm=(2.5, 0.8, 0.8),
            train_losses=tuple(losses),
            val_losses=tuple(round(loss + 0.05, 4) for loss in losses),
        ),
    )


def tiny_volumes(cases: int, seed: int = 0) -> dict[str, tuple[sitk.Image, sitk.Image]]:
    """Make small volumes of a liver with two to four lesions of 6 to 26 mm; the last case has none."""
    random = np.random.default_rng(seed)
    spacing_zyx, shape = (4.0, 2.0, 2.0), (12, 40, 44)
    grid = np.indices(shape) * np.array(spacing_zyx)[:, None, None, None]
    volumes = {}
    for number in range(cases):
        mask = np.zeros(shape, bool)
        for radius in random.uniform(3, 13, 0 if number == cases - 1 else random.integers(2, 5)):
            middle = [random.uniform(radius, n * s - radius) for n, s in zip(shape, spacing_zyx, strict=True)]
            mask |= sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True)) <= radius**2
        hu = 110 - 50 * mask + random.normal(0, 12, shape)
        images = []
        for array in (hu.astype(np.int16), mask.astype(np.uint8)):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(spacing_zyx[::-1])
            images.append(image)
        volumes[f"case_{number:02d}"] = (images[0], images[1])
    return volumes
