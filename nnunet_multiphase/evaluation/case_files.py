"""Find each case's file: in a folder of <case>.nii.gz, or the lesion masks in a cohort of case folders."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.case_name import case_id
from nnunet_multiphase.cases.cohort import case_folders
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import FORMATS, told_of_dead_link, volume_stem

IMAGE_ENDINGS = tuple(ending for ending in FORMATS if ending != ".img")
"""One file a volume: .img is the second half of .hdr."""


def find_images(folder: Path) -> dict[str, Path]:
    """List a folder's images as case name -> file; InputError where there is none or a case has two."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected one with <case>.nii.gz files")
    images: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        ending = next((e for e in IMAGE_ENDINGS if path.name.lower().endswith(e)), None)
        if ending is None or path.name.startswith("."):
            continue
        case = unicodedata.normalize("NFC", path.name[: -len(ending)])  # whatever system copied it
        if case in images:
            raise InputError(f"case {case} has two images, {images[case]} and {path.name}; keep one")
        images[case] = path
    if not images:
        raise InputError(f"{folder} holds no image; expected <case>.nii.gz files{_where_they_are(folder)}")
    return images


def _where_they_are(folder: Path) -> str:
    """Point to the folders with images in a folder of a model, or of one of its folds; empty where there are none."""
    below = [
        path
        for pattern in ("crossval_results_*", "validation", "fold_*/validation")
        for path in sorted(folder.glob(pattern))
        if any(file.name.endswith(IMAGE_ENDINGS) for file in path.iterdir())
    ]
    return f": it is a model's folder, give {below[0]}" if below else ""


def find_truths(folder: Path) -> dict[str, Path]:
    """List the cases of a truth folder.

    Args:
        folder: Holds <case>.nii.gz label files (labelsTs), or, like the folder `setup` reads, one folder per case
            with lesions_<phase>.nii.gz in it. Case folders without a lesion mask hold no truth and are left out.

    Returns:
        Case name -> label file or case folder; `drawn_masks` gives the files of the latter.

    Raises:
        InputError: No such folder, neither of both in it, a case that is there twice, or one behind a link to nothing.
    """
    folders = case_folders(folder) if folder.is_dir() else []
    drawn = [path for path in folders if path.is_dir() and _has_lesion_mask(path)]
    if not drawn:
        return find_images(folder)
    if lost := next((path for path in folders if not path.is_dir()), None):
        raise InputError(told_of_dead_link(lost))
    truths: dict[str, Path] = {}
    for path in drawn:
        case = case_id(path.name)  # as `setup` and `predict` name it
        if case in truths:
            raise InputError(
                f"case {case} has two folders, {truths[case]} and {path.name}; rename one of them"
            )
        truths[case] = path
    return truths


@dataclass(frozen=True)
class DrawnMasks:
    """Name a case folder's masks and the volume that they are drawn on."""

    lesions: Path
    liver: Path | None
    image: Path


def drawn_masks(truth: Path) -> DrawnMasks:
    """Find a case folder's lesion mask, and the liver mask of the same phase if there is one.

    Raises:
        InputError: Lesions are drawn on several phases.
    """
    drawn = [path.name for path in sorted(truth.iterdir()) if is_lesion_mask(path)]
    if len(drawn) > 1:
        raise InputError(
            f"case {truth.name}: lesion masks on several phases ({', '.join(drawn)}): expected one to score by; keep "
            "that of the predictions' phase, or evaluate against the dataset's labelsTs"
        )
    case = read_case_folder(truth, require_lesions=True)
    assert case.lesions is not None  # it was required
    # A case folder has one file for all lesions.
    liver = None if case.liver is None else case.liver.paths[0]
    return DrawnMasks(case.lesions.paths[0], liver, case.images[case.reference])


def _has_lesion_mask(folder: Path) -> bool:
    return any(map(is_lesion_mask, folder.iterdir()))


def is_lesion_mask(path: Path) -> bool:
    """Say whether a file's name says that it is a mask of lesions alone."""
    return (volume_stem(path) or "").lower().startswith("lesions_")
