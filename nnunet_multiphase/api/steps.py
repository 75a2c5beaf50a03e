"""Offer the chain to Python programs: what `nnunet_multiphase` gives as its own, taking files as well as images.

Each function is the step of the same name, with what every program would do around it: read volumes and refuse those that
cannot be trusted. The command line goes to the steps themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import registration
from nnunet_multiphase.alignment import align as alignment
from nnunet_multiphase.api import kinds
from nnunet_multiphase.api.input import (
    Volume,
    accepted_checks,
    known_names,
    read_drawn_on,
    read_given,
    read_mask,
    read_phases,
    reference_name,
    refuse_other_settings,
    tell,
    told_of_padding,
)
from nnunet_multiphase.api.words import told_in_python
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import ON_FAILURE

if TYPE_CHECKING:
    from nnunet_multiphase.alignment.align import AlignedPhases
    from nnunet_multiphase.alignment.named_registration import FindTransform
    from nnunet_multiphase.cases.inputs import Inputs
    from nnunet_multiphase.dataset.build import DatasetSummary
    from nnunet_multiphase.dataset.target_classes import TargetClasses
    from registration import RegistrationResult, RegistrationSettings


@told_in_python
def register(
    reference: Volume,
    moving: Volume,
    *,
    reference_mask: Volume | None = None,
    lesion_mask: Volume | None = None,
    settings: RegistrationSettings | None = None,
    accept: Collection[str] = (),
) -> RegistrationResult:
    """Find the motion that brings one CT volume onto another.

    Args:
        reference: Volume that stays where it is, HU.
        moving: Volume to be brought there, HU, on any grid.
        reference_mask: What must be aligned in the end, on the reference's grid, 0 and one other value; None: the liver,
            which is found.
        lesion_mask: What must keep its volume in a deformation, on the reference's grid, 0 and one other value.
        settings: How; `RegistrationSettings(model="deformable")` lets the liver bend.
        accept: Names of the checks of plausibility (docs/data.md) that are overruled, such as "spacing" or "body-size".

    Returns:
        `transform` takes points of the reference to points of the moving volume (mm, LPS), as `SimpleITK.Resample` wants
        it; `verdict` is "ok", "check" or "failed", `reasons` say why, `expected_error_mm` how well it fits.

    Raises:
        InputError: A file is missing or damaged, its header leaves sides or sizes open, a volume holds no HU, is too small
            or shows a body of another size than people's, or a mask is empty or elsewhere. One volume given twice is a
            warning.

    >>> import nnunet_multiphase as mp
    >>> result = mp.register("cohort/case_001/pv.nii.gz", "cohort/case_001/art.nii.gz")
    >>> result.verdict
    'ok'
    >>> len(result.transform.TransformPoint((0.0, 0.0, 0.0)))
    3
    """
    from nnunet_multiphase.cases.given import judge_pair

    refuse_other_settings(settings)
    accept = accepted_checks(accept)
    stays, moves = (
        read_given(volume, called, accept)
        for volume, called in ((reference, "the reference"), (moving, "the moving volume"))
    )
    tell([*judge_pair(stays, moves, accept).warnings, *told_of_padding((stays, moves))])
    masks = {"reference_mask": read_mask(reference_mask), "lesion_mask": read_mask(lesion_mask)}
    try:
        return registration.register(stays.image, moves.image, **masks, settings=settings)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error


@told_in_python
def align_phases(
    phases: Mapping[str, Volume],
    reference: str,
    *,
    liver_mask: Volume | None = None,
    lesion_mask: Volume | None = None,
    settings: RegistrationSettings | None = None,
    on_failure: Literal["check", "drop-phase", "drop-case", "header"] = "check",
    registered: bool = False,
    accept: Collection[str] = (),
) -> AlignedPhases:
    """Bring all phases of a patient to one of them, and cut them to where all have data.

    Args:
        phases: Name -> volume in HU, each on its own grid. What is asked of their order goes by the names nc, art, pv, dl,
            in any letter case.
        reference: The phase that stays where it is.
        liver_mask: On the reference's grid; what must be aligned. None: the liver is found.
        lesion_mask: On the reference's grid; the cut holds all of it.
        settings: How to register.
        on_failure: What becomes of a phase whose registration failed: it stays as it came out ("check"), is left out, makes
            this an error, or lies by its header.
        registered: The phases are aligned already: they are only resampled, and checked.
        accept: Names of the checks of plausibility (docs/data.md) that are overruled.

    Returns:
        What came of it, with `images` (name -> int16 HU on one grid, -1024 where a phase has no data), `transforms`,
        `results` (verdicts) and `box`, which part of the reference it is.

    Raises:
        InputError: A phase cannot be registered, a phase or mask cannot be what it is said to be (no HU, another size than
            people's, mirrored, exchanged, one volume under two names), a file's header leaves sides or sizes open, or
            nowhere do all phases have data. What is only doubtful is a warning.

    >>> import nnunet_multiphase as mp
    >>> files = {phase: f"cohort/case_001/{phase}.nii.gz" for phase in ("art", "pv")}
    >>> aligned = mp.align_phases(files, reference="pv")
    >>> [(phase, result.verdict) for phase, result in aligned.results.items()]
    [('art', 'ok')]
    >>> len({image.GetSize() for image in aligned.images.values()})
    1
    """
    from nnunet_multiphase.cases.given import judge_masks, judge_phases, told_of_copies

    refuse_other_settings(settings)
    kinds.refuse_other_flags(registered=registered)
    accept, names = accepted_checks(accept), known_names(phases)
    reference = reference_name(reference, names)
    kinds.refuse_other_choices(on_failure, ON_FAILURE, "on_failure")
    if reference not in names:
        raise InputError(
            f"the reference {reference!r} is not among the phases ({', '.join(names) or 'there are none'})"
        )
    given = read_phases(phases, accept)
    grid = given[reference].image
    liver = read_drawn_on(grid, liver_mask, "the liver mask")
    lesions = read_drawn_on(grid, lesion_mask, "the lesion mask")
    known = {names[name]: phase for name, phase in given.items()}
    judged = judge_phases(known, accept, liver_drawn=liver is not None)
    drawn = {kind: mask for kind, mask in (("liver", liver), ("lesions", lesions)) if mask is not None}
    judge_masks(judged, drawn, {names[reference]: grid})
    aligned = alignment.align_phases(
        {name: phase.image for name, phase in given.items()},
        reference,
        liver_mask=liver,
        keep_mask=lesions,
        settings=settings,
        on_failure=on_failure,
        registered=registered,
        case="given",
    )
    tell([*judged.warnings, *told_of_padding(given.values()), *told_of_copies(aligned.images)])
    return aligned


@told_in_python
def build_dataset(
    raw: str | Path,
    dataset_id: int,
    name: str,
    *,
    inputs: Inputs | None = None,
    missing: Literal["error", "skip", "fill"] = "error",
    on_failure: Literal["check", "drop-phase", "drop-case", "header"] = "check",
    phases: Iterable[str] | None = None,
    targets: TargetClasses | None = None,
    test_fraction: float = 0.2,
    folds: int = 5,
    seed: int = 0,
    jobs: int = 1,
    dask_scheduler: str | None = None,
    overwrite: bool = False,
    settings: RegistrationSettings | None = None,
    accept: Collection[str] = (),
    progress: bool = False,
    find: FindTransform | str | None = None,
    finish: Callable[[Path], object] = lambda folder: None,
) -> DatasetSummary:
    """Convert a cohort to $nnUNet_raw/Dataset<ID>_<name>.

    A run that is stopped (signal, full disk, power cut) leaves its finished cases in a hidden folder, and the next one
    goes on from there: inputs and settings of a case decide whether it has to be done again.

    Args:
        raw: Folder of the cohort (see docs/data.md).
        dataset_id: nnU-Net's number, 1 to 999.
        name: nnU-Net's name.
        inputs: In what form the cohort comes; None: case folders.
        missing: A case without one of `phases`: "error" refuses the cohort, "skip" leaves the case out, "fill" gives
            it a channel of -1024 HU and records that.
        on_failure: What becomes of a phase whose registration failed: it stays as it came out ("check"), is left out, costs
            its case, or lies by its header.
        phases: The channels, in this order, at least two; None: all that the form of the inputs has.
        targets: What the labels are; None: lesions alone.
        test_fraction: Share of the patients for imagesTs, 0 to below 1.
        folds: Cross-validation folds, at least 2.
        seed: Of the split and the registrations.
        jobs: Worker processes; the dataset does not depend on it. In a script, call it below `if __name__ == "__main__":`
            where it is more than one, as Python asks for.
        dask_scheduler: Address of a Dask cluster to work on instead.
        overwrite: Replace a dataset of the same number and name.
        settings: How to register; its seed is replaced by `seed`.
        accept: Names of the checks of plausibility that are overruled; what they find is recorded.
        progress: Show progress bars on stderr, and failures as they happen.
        find: Another registration than ours: a module's function, as workers import it by its name, or the name of one that
            another distribution adds (docs/extending.md).
        finish: Given the folder of the complete dataset before that comes to its place, to add to it.

    Returns:
        What was made. Cases that failed in the making are listed in it and are not in the dataset.

    Raises:
        InputError: Anything wrong with the input, all of it at once; nothing has been written then.

    >>> import nnunet_multiphase as mp
    >>> made = mp.build_dataset("cohort", 501, "Example", phases=("art", "pv"), test_fraction=0)
    >>> made.folder.name, made.channels, made.train
    ('Dataset501_Example', ('art', 'pv'), ('case_001',))
    """
    from nnunet_multiphase.cases.inputs import Inputs
    from nnunet_multiphase.dataset import build
    from nnunet_multiphase.dataset.options import DatasetOptions
    from nnunet_multiphase.dataset.target_classes import LESIONS, TargetClasses

    refuse_other_settings(settings)
    kinds.refuse_other_paths(raw=raw)
    kinds.refuse_other_texts(name=name)
    kinds.refuse_other_numbers(dataset_id=dataset_id, folds=folds, seed=seed, jobs=jobs)
    kinds.refuse_other_numbers(whole=False, test_fraction=test_fraction)
    kinds.refuse_other_flags(overwrite=overwrite, progress=progress)
    kinds.refuse_other_records("inputs", inputs or Inputs(), Inputs)
    kinds.refuse_other_records("targets", targets or LESIONS, TargetClasses)
    kinds.refuse_other_finders(find)
    kinds.refuse_no_function(finish=finish)
    if dask_scheduler is not None:
        kinds.refuse_other_texts(dask_scheduler=dask_scheduler)
    options = DatasetOptions(
        inputs or Inputs(),
        missing=missing,
        on_failure=on_failure,
        phases=None if phases is None else kinds.listed_names(phases),
        targets=targets or LESIONS,
        test_fraction=test_fraction,
        folds=folds,
        seed=seed,
        accept=accepted_checks(accept),
    )
    return build.build_dataset(
        Path(raw),
        int(dataset_id),
        name,
        options,
        jobs=jobs,
        dask_scheduler=dask_scheduler,
        overwrite=overwrite,
        settings=settings,
        progress=progress,
        find=find,
        finish=finish,
    )
