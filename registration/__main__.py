"""Register two files from the command line: `python -m registration REFERENCE MOVING --transform OUT.tfm`."""

from __future__ import annotations

import argparse
import errno
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from registration.itk_name import itk_name

if TYPE_CHECKING:
    import SimpleITK as sitk

    from registration.settings import RegistrationResult

HEADER_CHECKS = ("spacing", "orientation")
"""What a header may leave open or say implausibly, as `registration.file_header` names it."""
ReadFolder: TypeAlias = "Callable[[Path], sitk.Image]"
Judge: TypeAlias = "Callable[[Mapping[Path, sitk.Image], Collection[str]], list[str]]"
REMARKS = "remarks"
"""Note of an image with what its reader has to tell."""
BESIDE = ".registration_"
LEAST_RANGE_HU = 100.0
"""Air and water are 1000 apart."""
SOFT_HU, LEAST_SOFT = (-150.0, 300.0), 0.015
"""Soft tissue and fat, and the least share of a volume's voxels that is that: a thin patient in a wide field has more."""
RIGID_ONLY = (".mat", ".xfm")
"""Formats of transforms that hold no composite one."""
STALE_S = 3600
"""No run writes for so long."""


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m registration",
        description="Align a moving CT volume to a reference: rigidly, and with --model also by a smooth deformation. The "
        "transform maps reference points to moving points in mm, as SimpleITK's resampling wants it.",
    )
    parser.add_argument(
        "reference", type=Path, metavar="REFERENCE", help="volume to align to (NIfTI, NRRD, MetaImage ...)"
    )
    parser.add_argument("moving", type=Path, metavar="MOVING", help="volume to be aligned")
    parser.add_argument("--transform", type=Path, required=True, metavar="OUT.tfm", help="transform to write")
    parser.add_argument(
        "--moved", type=Path, metavar="OUT.nii.gz", help="also write MOVING on REFERENCE's grid"
    )
    parser.add_argument(
        "--reference-mask", type=Path, metavar="MASK", help="organ on REFERENCE's grid to be fitted"
    )
    parser.add_argument(
        "--region",
        choices=("liver", "body"),
        default="liver",
        help="what is fitted in the end without a mask: the liver, found by itself (default), or the whole body",
    )
    parser.add_argument(
        "--model",
        choices=("rigid", "deformable", "auto"),
        default="rigid",
        help="rigid (default); deformable: also a smooth deformation after the rigid fit, kept only where it stands out of "
        "the noise; auto: only where it does so clearly",
    )
    parser.add_argument(
        "--lesion-mask",
        type=Path,
        metavar="MASK",
        help="lesions on REFERENCE's grid, whose volume is to be kept",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices (default 0)")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="also write the figures of merit")
    parser.add_argument("--strict", action="store_true", help="exit status 1 where the verdict is failed")
    parser.add_argument("--figure", type=Path, metavar="OUT.png", help="also draw the match before and after")
    parser.add_argument(
        "--accept",
        nargs="+",
        choices=HEADER_CHECKS,
        default=[],
        metavar="CHECK",
        help="take volumes as they are read though their header leaves this open, or is implausible: "
        f"{', '.join(HEADER_CHECKS)}",
    )
    return parser


def main(
    arguments: Sequence[str] | None = None,
    *,
    alone: bool = False,
    read_folder: ReadFolder | None = None,
    judge: Judge | None = None,
) -> int:
    """Run the command.

    Args:
        arguments: The command line; none = the process's own.
        alone: Whether the process does nothing else: numba then starts without scipy.
        read_folder: Reads the folder of a DICOM series, from who can; none: a folder is refused.
        judge: Says of both volumes what they cannot be, and what it was told to accept; none: only what are no HU is told.

    Returns:
        0, whatever the verdict, which is printed and stands in --json, but 1 with --strict where it is "failed"; 2
        where the input is bad: then one sentence stands on stderr and no file was written.
    """
    options = build_parser().parse_args(arguments)
    try:
        verdict = _run(options, alone, read_folder, judge)
    except (ValueError, OSError) as problem:
        print(f"registration: {_told(problem)}", file=sys.stderr)
        return 2
    return 1 if options.strict and verdict == "failed" else 0


def _told(problem: ValueError | OSError) -> str:
    """Say which file the system refused, and why."""
    if not isinstance(problem, OSError) or problem.filename is None:
        return str(problem)
    if problem.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return f"{problem.filename} cannot be written: the disk is full ({problem.strerror}); make room"
    return f"{problem.filename}: {problem.strerror}"


def _run(
    options: argparse.Namespace, alone: bool, read_folder: ReadFolder | None, judge: Judge | None
) -> str:
    """Register and write; give the verdict."""
    _check_options(options)
    _check_there(options, read_folder)
    from registration.file_header import refuse_unclear_header

    for path in (options.reference, options.moving):
        refuse_unclear_header(path, options.accept)
    from registration.algorithm import register
    from registration.compiled import without_blas
    from registration.rigid import rotation_matrices
    from registration.settings import RegistrationSettings
    from registration.volume_file import read_volume

    if alone:
        with without_blas():
            rotation_matrices([0.0] * 6)  # numba starts at its first call
    settings = RegistrationSettings(seed=options.seed, region=options.region, model=options.model)
    reference, moving = (
        read_folder(path) if read_folder is not None and path.is_dir() else read_volume(path)
        for path in (options.reference, options.moving)
    )
    mask = None if options.reference_mask is None else read_volume(options.reference_mask)
    lesions = None if options.lesion_mask is None else read_volume(options.lesion_mask)
    result = register(reference, moving, reference_mask=mask, lesion_mask=lesions, settings=settings)
    notes = _notes({options.reference: reference, options.moving: moving}, options.accept, judge)
    _write_all(options, _writers(options, reference, moving, mask, result, notes))
    print(
        f"{result.verdict}: similarity {result.similarity_before:.4f} -> {result.similarity_after:.4f}, overlap "
        f"{100 * result.overlap:.0f} % of the {result.region}, expected error "
        f"{result.expected_error_mm:.2g} mm, {result.seconds:.1f} s: {options.transform}"
    )
    for reason in result.reasons:
        print(f"  {reason}")
    for note in notes:
        print(f"  {note}")
    if result.deformation is not None:
        print("  deformed" if result.deformation.accepted else f"  not deformed: {result.deformation.reason}")
    return result.verdict


def _notes(volumes: Mapping[Path, sitk.Image], accept: Collection[str], judge: Judge | None) -> list[str]:
    """Say what of the volumes is to be known before the verdict is believed, a sentence each."""
    from registration.padding import tell_padding

    notes = []
    for path, image in volumes.items():
        if padded := tell_padding(image):
            notes.append(f"{path} {padded}")
        if image.HasMetaDataKey(REMARKS) and image.GetMetaData(REMARKS):
            notes.append(image.GetMetaData(REMARKS))
        if judge is None:
            notes += _unlike_hu(path, image)
    return notes if judge is None else [*notes, *judge(volumes, accept)]


def _check_there(options: argparse.Namespace, read_folder: ReadFolder | None) -> None:
    """Refuse inputs that are not there, and folders that cannot be read."""
    for path in (options.reference, options.moving, options.reference_mask, options.lesion_mask):
        if path is None or path.is_file():
            continue
        if not path.is_dir():
            raise FileNotFoundError(f"There is no file {path}; give the path of a volume.")
        if path not in (options.reference, options.moving):
            raise ValueError(f"{path} is a folder: expected a file that holds the mask.")
        if read_folder is None:
            raise ValueError(
                f"{path} is a folder: expected a file; `nnunet-multiphase register` takes the folder of a DICOM series, or "
                "convert it (dcm2niix) and give the .nii.gz."
            )


def _unlike_hu(path: Path, image: sitk.Image) -> list[str]:
    """Say of values that are no HU that nothing may fit, or seem to: cut to the window, tissue of one value has no edges."""
    import numpy as np
    import SimpleITK as sitk

    from registration.padding import NO_HU_BELOW

    values = sitk.GetArrayViewFromImage(image)
    low, high = float(values.min()), float(values.max())
    if high - low < LEAST_RANGE_HU:
        return [f"{path} holds values from {low:g} to {high:g}, no HU: export it again in HU"]
    measured = values >= NO_HU_BELOW  # scanners pad with -2000 before they take the intercept off
    low = float(np.min(values, where=measured, initial=high))
    if low >= 0:
        return [
            f"{path} holds nothing below 0 ({low:g} to {high:g}) where HU have fat and air: is the rescale intercept "
            "(mostly -1024) missing?"
        ]
    least, most = SOFT_HU
    if np.count_nonzero((values > least) & (values < most)) < LEAST_SOFT * np.count_nonzero(measured):
        return [
            f"{path} holds next to nothing from {least:g} to {most:g} where HU have soft tissue: was the rescale "
            "intercept (mostly -1024) applied twice, or is it another one?"
        ]
    return []


def _check_options(options: argparse.Namespace) -> None:
    """Refuse outputs that cannot be written, and options that would do nothing, before any work is done."""
    if options.lesion_mask is not None and options.model == "rigid":
        raise ValueError(
            "--lesion-mask keeps a lesion's volume in a deformation; add --model deformable or auto, or leave it out."
        )
    if options.reference_mask is not None and options.region == "body":
        raise ValueError("--reference-mask and --region body exclude each other; give one of them.")
    if options.model != "rigid" and options.transform.name.endswith(RIGID_ONLY):
        raise ValueError(
            f"--transform {options.transform} cannot hold a deformation, which --model {options.model} may give; name a "
            ".tfm or .h5 file."
        )
    given = (options.reference, options.moving, options.reference_mask, options.lesion_mask)
    inputs = [path for path in given if path is not None]
    named: set[Path] = set()
    for path, option, endings in (
        (options.transform, "--transform", (".tfm", ".txt", ".h5", ".hdf5", *RIGID_ONLY)),
        (options.moved, "--moved", (".nii.gz", ".nii", ".mha", ".nrrd")),
        (options.json, "--json", (".json",)),
        (options.figure, "--figure", (".png",)),
    ):
        if path is None:
            continue
        if not path.name.endswith(endings):
            raise ValueError(f"{option} must end with one of {', '.join(endings)}, but is {path}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{option}: there is no folder {path.parent}; make it first.")
        itk_name(path)  # refuses one that ITK cannot write
        if path.exists() and any(other.exists() and path.samefile(other) for other in inputs):
            raise ValueError(f"{option} {path} is one of the inputs, which would be lost; name another file.")
        if path.absolute() in named:
            raise ValueError(f"{option} {path} is named for another output too; name another file.")
        named.add(path.absolute())


def _writers(
    options: argparse.Namespace,
    reference: sitk.Image,
    moving: sitk.Image,
    mask: sitk.Image | None,
    result: RegistrationResult,
    notes: Sequence[str],
) -> list[tuple[Path, Callable[[Path], Any]]]:
    """List each output with what writes it."""
    from registration.resample import resample_image, resample_labels
    from registration.volume_file import write_transform, write_volume

    def write_moved(path: Path) -> None:
        write_volume(resample_image(moving, reference, result.transform), path)

    def write_figure(path: Path) -> None:
        from registration.figure import overlay_figure

        title = f"{options.moving.name} on {options.reference.name}"
        shown = mask
        if shown is None and result.region == "liver":
            shown = resample_labels(result.fitted, reference)
        overlay_figure(
            reference, moving, result.transform, path, mask=shown, title=title, trace=result.swarm_trace
        )

    writers: list[tuple[Path | None, Callable[[Path], Any]]] = [
        (options.moved, write_moved),
        (options.figure, write_figure),
        (options.json, lambda path: path.write_text(_json_text(summary(options, result, notes)))),
        (options.transform, lambda path: write_transform(result.transform, path)),
    ]
    return [(path, write) for path, write in writers if path is not None]


def summary(
    options: argparse.Namespace, result: RegistrationResult, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Give what --json writes."""
    return {
        "reference": str(options.reference),
        "moving": str(options.moving),
        "reference_mask": None if options.reference_mask is None else str(options.reference_mask),
        "seed": options.seed,
        "region": result.region,
        "motion_of": result.motion_of,
        "expected_error_mm": result.expected_error_mm,
        "verdict": result.verdict,
        "reasons": list(result.reasons),
        "notes": list(notes),
        "evidence": asdict(result.evidence),
        "deformation": None if result.deformation is None else asdict(result.deformation),
        "angles_rad_translation_mm": list(result.rigid.GetParameters()),
        "centre_mm": list(result.rigid.GetCenter()),
        "similarity_before": result.similarity_before,
        "similarity_after": result.similarity_after,
        "overlap": result.overlap,
        "seconds": result.seconds,
        "evaluations": result.evaluations,
        "swarm_trace": list(result.swarm_trace),
    }


def _json_text(content: dict[str, Any]) -> str:
    """Format as strict JSON, which has no infinity and no NaN: they become null."""

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: finite(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [finite(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(finite(content), indent=1, allow_nan=False) + "\n"


def _write_all(options: argparse.Namespace, writers: list[tuple[Path, Callable[[Path], Any]]]) -> None:
    """Write every output aside first; put them in place only when all are whole."""
    for left in options.transform.parent.glob(f"{BESIDE}*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=BESIDE, dir=options.transform.parent) as folder:
        whole = []
        for number, (path, write) in enumerate(writers):
            aside = Path(folder) / f"{number}_{path.name}"
            try:
                write(aside)
            except OSError as problem:  # the name that the user knows
                raise OSError(problem.errno, problem.strerror, str(path)) from problem
            whole.append((aside, path))
        for aside, path in whole:
            try:
                aside.replace(path)
            except OSError as problem:
                if problem.errno != errno.EXDEV:
                    raise OSError(problem.errno, problem.strerror, str(path)) from problem
                _move_over(aside, path)


def _move_over(aside: Path, path: Path) -> None:
    """Move a file to another file system, where it is copied beside its place first."""
    with tempfile.TemporaryDirectory(prefix=BESIDE, dir=path.parent) as folder:
        copy = shutil.copyfile(aside, Path(folder) / path.name)
        copy.replace(path)


def run_as_process() -> NoReturn:
    """Run the command, and nothing after it.

    All files are in place when it ends; taking apart what numba and ITK have built would take a fifth of the time.
    """
    status = main(alone=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run_as_process()
