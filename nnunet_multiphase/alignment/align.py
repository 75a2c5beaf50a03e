"""Bring every phase of a case to the reference phase's grid: the only module that runs registrations for cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from nnunet_multiphase.alignment.moved_mask import bring_mask
from nnunet_multiphase.alignment.named_registration import FindTransform, finder, name_of
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import FILL_HU
from registration import PreparedReference, RegistrationResult, RegistrationSettings, register
from registration.padding import without_padding
from registration.resample import resample_with_coverage
from registration.volume import image_like

Box = tuple[tuple[int, int, int], tuple[int, int, int]]
"""First voxel and size, both (x, y, z)."""


@dataclass(frozen=True)
class AlignedPhases:
    """All phases of a case on one grid."""

    reference: str
    images: dict[str, sitk.Image]  # int16 HU, cropped to `box` of the reference's grid
    transforms: dict[
        str, sitk.Transform
    ]  # reference points -> points of that phase, mm; identity for the reference
    results: dict[str, RegistrationResult]  # moving phases only
    box: Box
    full_size: tuple[int, int, int]  # of the reference before the crop, (x, y, z)
    covered_fraction: (
        float  # share of the reference's voxels where every phase has data, wherever it came to lie
    )
    dropped: tuple[str, ...] = ()  # phases left out because their registration failed
    by_header: tuple[str, ...] = ()  # phases placed by their headers alone
    not_trusted: dict[str, float] = field(default_factory=dict)
    """Failed phases among `images`, of which nobody knows where they lie -> share of the crop where they have data."""
    trusted_fraction: float | None = None  # as covered_fraction, without the failed ones; None: none failed
    moved_masks: dict[str, sitk.Image] = field(
        default_factory=dict
    )  # on the reference's uncropped grid, by phase
    cut_masks: dict[str, str] = field(default_factory=dict)
    """What the end of the reference's scan cuts off of them, in words, by phase."""


def align_phases(
    images: Mapping[str, sitk.Image],
    reference: str,
    *,
    liver_mask: sitk.Image | None = None,
    keep_mask: sitk.Image | None = None,
    moving_masks: Mapping[str, sitk.Image] | None = None,
    settings: RegistrationSettings | None = None,
    on_failure: str = "check",
    registered: bool = False,
    case: str = "",
    find: FindTransform | str | None = None,
) -> AlignedPhases:
    """Register every other phase to the reference, resample it there and crop to where all have data.

    A phase whose registration failed has no say in the crop, whether it stays as it came out or lies by its header:
    the place of its data is not known. It has a say where the user says that the phases are aligned already.

    Args:
        images: Volume by phase, in HU, each on its own grid.
        reference: The phase that stays where it is.
        liver_mask: On the reference's grid; fitted in the end instead of the whole volume, because the liver moves
            with the breath and the spine does not.
        keep_mask: On the reference's grid; the crop holds all of it, even where another phase has no data.
        moving_masks: Masks drawn on other phases, by phase and on its grid; brought along by nearest neighbour, and the
            crop holds them too.
        settings: How to register (default: `RegistrationSettings()`).
        on_failure: One of `phases.ON_FAILURE`.
        registered: The phases are aligned already: the registration only checks that, and nothing is moved.
        case: Named in messages.
        find: What finds the transform, where it is another than ours: a function, or the name of one that another
            distribution adds.

    Returns:
        The phases in the order of `images`. Voxels where a phase has no data are -1024 HU.

    Raises:
        InputError: A phase cannot be registered, its registration failed and `on_failure` says to leave the case out
            (or no other phase is left), or nowhere do all trusted phases have data.
    """
    if reference not in images:
        raise InputError(
            f"case {case}: the reference phase {reference} is not among its phases {', '.join(images)}"
        )
    settings = settings if settings is not None else RegistrationSettings()
    fixed = without_padding(signed(images[reference]))
    fixed_data = data_box(fixed)
    liver_data = None if liver_mask is None else crop(liver_mask, fixed_data)
    find_motion = _to_reference(crop(fixed, fixed_data), liver_data, settings, case, reference, find)
    results: dict[str, RegistrationResult] = {}
    placed: dict[str, _Placed] = {}
    cover = _Cover.of(fixed)
    for phase, image in images.items():
        if phase == reference:
            placed[phase], has_data = _left_in_place(fixed, fixed_data)
            cover.add(phase, has_data)
            continue
        # Slices of padding are no data: a spline would ring at their edge, and a registration would fit it.
        moving = crop(without_padding(signed(image)), data_box(image))
        result = results[phase] = find_motion(moving, phase)
        failed = result.verdict == "failed"
        if failed and on_failure == "drop-case":
            raise InputError(
                f"case {case}: registration of {phase} to {reference} failed ({', '.join(result.reasons)}), "
                "and such cases are left out"
            )
        if failed and on_failure == "drop-phase":
            continue
        by_header = registered or (failed and on_failure == "header")
        transform = sitk.Euler3DTransform() if by_header else result.transform
        placed[phase], has_data = _place(moving, fixed, transform, by_header, settings.threads)
        cover.add(phase, has_data, trusted=registered or not failed)
    dropped = tuple(phase for phase in results if phase not in placed)
    if dropped and len(placed) < 2:
        raise InputError(
            f"case {case}: the registration of every other phase failed ({', '.join(dropped)}); look at the phases"
        )
    brought = {
        phase: bring_mask(
            mask, fixed, placed[phase].transform, f"case {case}: lesions drawn on {phase}", reference
        )
        for phase, mask in (moving_masks or {}).items()
        if phase in placed
    }
    masks = {phase: mask for phase, (mask, _) in brought.items()}
    if not cover.trusted.any():
        names = [phase for phase in placed if phase not in cover.not_trusted]
        raise InputError(
            f"case {case}: nowhere do all of {', '.join(names)} have data after registration to {reference}; "
            "look at the phases in a viewer, one of them shows another part of the body"
        )
    box = cover.box_with([*([] if keep_mask is None else [keep_mask]), *masks.values()])
    return AlignedPhases(
        reference=reference,
        images={phase: crop(one.image, box) for phase, one in placed.items()},
        transforms={phase: one.transform for phase, one in placed.items()},
        results=results,
        box=box,
        full_size=fixed.GetSize(),
        covered_fraction=float(cover.covered.mean()),
        trusted_fraction=float(cover.trusted.mean()) if cover.not_trusted else None,
        dropped=dropped,
        by_header=tuple(phase for phase, one in placed.items() if one.by_header),
        not_trusted={phase: _share_within(box, has_data) for phase, has_data in cover.not_trusted.items()},
        moved_masks=masks,
        cut_masks={phase: told for phase, (_, told) in brought.items() if told},
    )


@dataclass
class _Cover:
    """Keep account of where on the reference's grid, (z, y, x), the phases have data.

    Attributes:
        covered: Where all have.
        trusted: Where all have whose place is known.
        not_trusted: Where each of the others has.
    """

    covered: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    not_trusted: dict[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, fixed: sitk.Image) -> _Cover:
        """Begin with none."""
        return cls(np.ones(fixed.GetSize()[::-1], bool), np.ones(fixed.GetSize()[::-1], bool), {})

    def add(self, phase: str, has_data: NDArray[np.bool_], *, trusted: bool = True) -> None:
        """Add a phase."""
        self.covered &= has_data
        if trusted:
            self.trusted &= has_data
        else:
            self.not_trusted[phase] = has_data

    def box_with(self, masks: Sequence[sitk.Image]) -> Box:
        """Return the box around what is trusted, and around masks on the reference's grid."""
        wanted = self.trusted.copy()
        for mask in masks:
            wanted |= sitk.GetArrayFromImage(mask).astype(bool)
        return bounding_box(wanted)


@dataclass(frozen=True)
class _Placed:
    """Hold one phase on the reference's grid."""

    image: sitk.Image  # int16 HU, air where it has no data
    transform: sitk.Transform  # reference points -> its own
    by_header: bool = False


def _left_in_place(fixed: sitk.Image, data: Box) -> tuple[_Placed, np.ndarray]:
    """Give the reference itself, and where it has data (z, y, x)."""
    has_data = np.zeros(fixed.GetSize()[::-1], bool)
    has_data[box_slices(data)] = True
    return _Placed(_as_int16(fixed, has_data), sitk.Euler3DTransform()), has_data


def _place(
    moving: sitk.Image, fixed: sitk.Image, transform: sitk.Transform, by_header: bool, threads: int
) -> tuple[_Placed, np.ndarray]:
    """Resample a phase on the reference's grid, and say where it has data (z, y, x)."""
    image, has_data = resample_with_coverage(moving, fixed, transform, fill_hu=FILL_HU, threads=threads)
    return _Placed(_as_int16(image, has_data), transform, by_header), has_data


def _to_reference(
    fixed: sitk.Image,
    liver: sitk.Image | None,
    settings: RegistrationSettings,
    case: str,
    reference: str,
    find: FindTransform | str | None,
) -> Callable[[sitk.Image, str], RegistrationResult]:
    """Give what registers a phase to the reference, which is made ready once, at the first."""
    prepared: list[PreparedReference] = []

    def find_motion(moving: sitk.Image, phase: str) -> RegistrationResult:
        try:
            if find is not None:
                return _found_by(find, fixed, moving, liver, settings)
            if not prepared:
                prepared.append(PreparedReference(fixed, settings))
            return register(prepared[0], moving, reference_mask=liver)
        except ValueError as error:
            raise InputError(
                f"case {case}, phase {phase}: cannot be registered to {reference}: {error}"
            ) from error

    return find_motion


def _found_by(
    find: FindTransform | str,
    fixed: sitk.Image,
    moving: sitk.Image,
    liver: sitk.Image | None,
    settings: RegistrationSettings,
) -> RegistrationResult:
    """Ask another registration than ours; ValueError where it fails or answers with something else."""
    name, registration = name_of(find), finder(find)
    try:
        found: object = registration(fixed, moving, reference_mask=liver, settings=settings)
    except ValueError:
        raise
    except Exception as error:  # another's program may raise anything
        raise ValueError(f"the registration {name} failed ({type(error).__name__}: {error})") from error
    if not isinstance(found, RegistrationResult):
        raise ValueError(
            f"the registration {name} returned a {type(found).__name__}, not a RegistrationResult as "
            "registration.register does"
        )
    return found


def data_box(image: sitk.Image) -> Box:
    """Find the part of a volume that a scanner can have measured: all but the outer slices of one single value.

    Args:
        image: 3D volume.

    Returns:
        First voxel and size, both (x, y, z); the whole volume if it is constant.
    """
    values = sitk.GetArrayViewFromImage(image)  # (z, y, x)
    index, size = [], []
    for axis in (2, 1, 0):
        others = tuple(other for other in range(3) if other != axis)
        varied = np.flatnonzero(values.max(axis=others) > values.min(axis=others))
        if not len(varied):
            return (0, 0, 0), image.GetSize()
        index.append(int(varied[0]))
        size.append(int(varied[-1] - varied[0] + 1))
    return (index[0], index[1], index[2]), (size[0], size[1], size[2])


def bounding_box(mask: np.ndarray) -> Box:
    """Find the smallest box around a mask.

    Args:
        mask: (z, y, x), with at least one voxel set.

    Returns:
        First voxel and size, both (x, y, z).
    """
    index, size = [], []
    for axis in (2, 1, 0):
        along = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        index.append(int(along[0]))
        size.append(int(along[-1] - along[0] + 1))
    return (index[0], index[1], index[2]), (size[0], size[1], size[2])


def _share_within(box: Box, mask: np.ndarray) -> float:
    """Give the share of a box, 0..1, that a mask (z, y, x) covers."""
    return float(mask[box_slices(box)].mean())


def box_slices(box: Box) -> tuple[slice, slice, slice]:
    """Give a box as slices of an array (z, y, x)."""
    x, y, z = (slice(first, first + count) for first, count in zip(*box, strict=True))
    return z, y, x


def crop(image: sitk.Image, box: Box) -> sitk.Image:
    """Cut a box out of an image; its voxels stay where they are in space."""
    index, size = box
    return sitk.RegionOfInterest(image, list(size), list(index))


def signed(image: sitk.Image) -> sitk.Image:
    """Give unsigned volumes a type that can hold -1024."""
    unsigned = (sitk.sitkUInt8, sitk.sitkUInt16, sitk.sitkUInt32)
    return sitk.Cast(image, sitk.sitkInt32) if image.GetPixelID() in unsigned else image


def _as_int16(image: sitk.Image, has_data: np.ndarray) -> sitk.Image:
    """Round to whole HU, with air where there are no data."""
    values = sitk.GetArrayFromImage(image)
    if values.dtype != np.int16:
        values = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    values[~has_data] = FILL_HU
    return image_like(values, image)
