"""Take what other programs give to the public functions: files or images, of which every kind may be wrong."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cases.check_names import CHECKS
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASE_TITLES, PHASES
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.file_header import refuse_unclear_header
from registration.nifti_bytes import unit_code
from registration.padding import tell_padding
from registration.volume import check_one_value

if TYPE_CHECKING:
    from nnunet_multiphase.cases.case import CaseFolder
    from nnunet_multiphase.cases.given import GivenPhase

Volume: TypeAlias = sitk.Image | str | Path
"""A volume, or where it lies: a file in any format that ITK reads, or the folder of a DICOM series."""


def _read(volume: Volume, *, drawing: bool = False) -> sitk.Image:
    given = path_or_image(volume)
    return read_volume(given, drawing=drawing) if isinstance(given, Path) else given


def path_or_image(volume: Volume) -> sitk.Image | Path:
    """Refuse what is no volume."""
    if not isinstance(volume, (sitk.Image, str, os.PathLike)):
        raise InputError(
            f"a {type(volume).__name__} is no volume: expected a SimpleITK.Image or a path (an array does not say where it "
            "lies: SimpleITK.GetImageFromArray, then SetSpacing, SetOrigin and SetDirection)"
        )
    if not isinstance(volume, sitk.Image):
        return Path(volume)
    if volume.GetDimension() != 3 or volume.GetNumberOfComponentsPerPixel() != 1:
        size = " x ".join(map(str, volume.GetSize()))
        raise InputError(
            f"an image of {size} voxels with {volume.GetNumberOfComponentsPerPixel()} value(s) each is no volume: expected "
            "three axes and one value; take the part that is meant, such as image[:, :, :, 0]"
        )
    kind = volume.GetPixelIDTypeAsString()
    if kind.startswith("complex"):
        raise InputError(f"an image of {kind} is no volume: expected one real number a voxel")
    # Of a label map SimpleITK gives no array: it ends the whole process.
    return sitk.LabelMapToLabel(volume) if kind.startswith("label") else volume


def lesion_values(lesion_labels: Iterable[int] | int | None) -> tuple[int, ...] | None:
    """Give the values that are lesion; a single one may come as a number."""
    if lesion_labels is None:
        return None
    # ndarray and set are no Sequence, and are as good
    given = [*lesion_labels] if isinstance(lesion_labels, Iterable) else [lesion_labels]
    if not given or not all(
        isinstance(value, int | np.integer) and not isinstance(value, bool) and value > 0 for value in given
    ):
        raise InputError(f"lesion_labels {lesion_labels!r}: expected whole numbers above 0, such as [1]")
    return tuple(int(value) for value in given)


def known_names(phases: Mapping[str, Volume], *, needed: bool = False) -> dict[str, str]:
    """Give each phase's name as setup writes it; one that is none of setup's stays as it is.

    Args:
        phases: Name -> volume.
        needed: What is told of phases goes by their names: another name is refused where it would cost something.

    Raises:
        InputError: They are no dict, two are one phase's, or one is not known.
    """
    if not isinstance(phases, Mapping):
        raise InputError(
            f"phases are a {type(phases).__name__}: expected a dict of phase -> volume, such as {{'pv': ...}}"
        )
    names: dict[str, str] = {}
    for given in phases:
        name = _phase_name(given, "a phase's name")
        if name in names.values():
            raise InputError(f"phase {name} is given twice, in upper and lower case: leave one of them out")
        names[given] = name
    unknown = [name for name in names.values() if name not in PHASES]
    if needed and unknown and not {*names.values()} >= {*PHASES}:
        _refuse_unknown(unknown, len(names))
    return names


def _refuse_unknown(unknown: Sequence[str], phases: int) -> None:
    guesses = [_seems_to_be(name) for name in unknown]
    if phases == 1 and guesses != ["art"]:
        return  # of one phase that is not arterial nothing is told but its HU
    shown = ", ".join(
        f"{name!r} (it seems to be {guess})" if guess else repr(name)
        for name, guess in zip(unknown, guesses, strict=True)
    )
    known = ", ".join(f"{phase} ({title})" for phase, title in PHASE_TITLES.items())
    raise InputError(
        f"phases are called {shown}, and enhancement and washout are told by the names {known}: give each the one that "
        "it has among these, or measure it in a call of its own"
    )


def reference_name(reference: str, names: Mapping[str, str]) -> str:
    """Find the reference among the phases, whatever letter case it is given in; as it is where it is none of them."""
    name = _phase_name(reference, f"the reference of the phases {', '.join(map(str, names))}")
    return next((given for given, known in names.items() if known == name), reference)


def _phase_name(given: str, what: str) -> str:
    if not isinstance(given, str):
        raise InputError(f"{what} must be a text such as 'pv', not {type(given).__name__}")
    name = given.strip().lower()
    return name if name in PHASES else given


def _seems_to_be(name: str) -> str:
    """Guess by its words which phase a name means; empty where they leave it open."""
    from nnunet_multiphase.words.descriptions import phases_named

    found = list(phases_named(name.replace("_", " ")))
    return found[0] if len(found) == 1 else ""


def accepted_checks(accept: Collection[str]) -> tuple[str, ...]:
    """Give the checks that are overruled; a single one may come as a text."""
    if not isinstance(accept, Iterable):
        raise InputError(f"accept {accept!r}: expected a list of checks, such as ['spacing']; none is []")
    given = (accept,) if isinstance(accept, str) else tuple(accept)
    for check in given:
        if check not in CHECKS:
            raise InputError(f"accept {check!r} is no check: expected some of {', '.join(CHECKS)}")
    return given


def refuse_other_settings(settings: object) -> None:
    """Refuse what does not say how to register."""
    from registration.settings import RegistrationSettings

    if settings is not None and not isinstance(settings, RegistrationSettings):
        raise InputError(
            f"settings must be RegistrationSettings, but are a {type(settings).__name__}; give them such as "
            "settings=nnunet_multiphase.RegistrationSettings(model='rigid')"
        )


def refuse_output(output: Path, case: Path | CaseFolder) -> None:
    """Refuse a folder for the results that is the case's own, whose phases they would be taken for or written over."""
    if output.exists() and not output.is_dir():
        raise InputError(f"output {output} is a file: expected a folder for the results")
    if isinstance(case, Path):
        if output.resolve() == case.resolve():
            raise InputError(
                f"output {output} is the case's own folder: results among the phases would be taken for phases; name another"
            )
        return
    labels = (output / f"{case.name}.nii.gz").resolve()
    over = next((path for path in case.images.values() if path.resolve() == labels), None)
    if over is not None:
        raise InputError(
            f"output {output}: the labels would be written over {over}, a phase; name another folder"
        )


def read_given(volume: Volume, called: str, accept: Collection[str]) -> GivenPhase:
    """Read a volume in HU, and keep what its file says beside."""
    from nnunet_multiphase.cases.given import GivenPhase

    image = read_placed(volume, accept)
    if not np.isfinite(sitk.GetArrayViewFromImage(image).sum(dtype=np.float64)):
        raise InputError(f"{called} holds values that are not numbers (NaN or infinite): expected HU")
    if isinstance(volume, sitk.Image):
        return GivenPhase(image, called)
    path = Path(volume)
    return GivenPhase(image, f"{called} ({path})", unit_code(path) if path.is_file() else 0)


def read_phases(
    phases: Mapping[str, Volume], accept: Collection[str], case: str = ""
) -> dict[str, GivenPhase]:
    """Read phases, by the names that they are given under; `case` is the patient's name, if it has one."""
    whose = f"case {case}, " if case else ""
    return {name: read_given(volume, f"{whose}phase {name}", accept) for name, volume in phases.items()}


def told_of_padding(phases: Iterable[GivenPhase]) -> list[str]:
    """Say of volumes which are padded with what is no HU, and what their readers have to tell."""
    told = []
    for given in phases:
        if padded := tell_padding(given.image):
            told.append(f"{given.called} {padded}")
        if "remarks" in given.image.GetMetaDataKeys() and given.image.GetMetaData("remarks"):
            told.append(f"{given.called}: {given.image.GetMetaData('remarks')}")
    return told


def tell(warned: Sequence[str]) -> None:
    """Warn the program that called a public function, which calls this."""
    for warning in warned:
        warnings.warn(warning, stacklevel=4)  # between the two is what words its refusals


def read_placed(volume: Volume, accept: Collection[str], *, drawing: bool = False) -> sitk.Image:
    """Read a volume whose sides and sizes matter."""
    if isinstance(volume, (str, os.PathLike)):
        try:
            refuse_unclear_header(Path(volume), accept)
        except ValueError as error:
            raise InputError(str(error)) from error
    return _read(volume, drawing=drawing)


def read_mask(volume: Volume | None) -> sitk.Image | None:
    """Read a mask, if there is one."""
    return None if volume is None else _read(volume, drawing=True)


def refuse_several_values(mask: sitk.Image, what: str) -> None:
    """Refuse organ maps and probabilities where a mask is wanted."""
    try:
        check_one_value(mask, what)
    except ValueError as error:
        raise InputError(str(error)) from error


def read_drawn_on(grid: sitk.Image | None, volume: Volume | None, what: str) -> sitk.Image | None:
    """Read a mask that is drawn on a volume, in whatever axis order either is stored."""
    from nnunet_multiphase.evaluation.lesions import require_same_grid
    from nnunet_multiphase.volumes.orientation import stored_grid, turned

    mask = read_mask(volume)
    if mask is None or grid is None:
        return mask
    refuse_several_values(mask, what)
    mask = turned(mask, stored_grid(grid).axes)
    require_same_grid(grid, mask, f"the reference and {what}")
    return mask
