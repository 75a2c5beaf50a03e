"""Read many spoilt inputs in a process of little memory, and report what did not end well, as JSON.

    python tests/faults/survive.py FOLDER FIRST COUNT [FAMILY ...]

Each input follows from its family and its number alone, so that one that failed can be made again:
`survive.py FOLDER NUMBER 1 FAMILY`.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import signal
import sys
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hostile_dicom
import hostile_models
import hostile_pages
import hostile_tables
import mutations
import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.cases.case_folder import read_case_folder
from nnunet_multiphase.cases.case_table import scan_table
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.mask_choice import ONE_MASK
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.label_classes import classes_of_record, read_record, whole_numbers
from nnunet_multiphase.models.description import read_description
from nnunet_multiphase.phantom.truth import liver_points_in_moving, read_truth
from nnunet_multiphase.volumes.volume_file import read_upright, read_volume
from registration.file_header import find_unclear_header
from registration.volume import check_image
from registration.volume_file import read_volume as read_of_register

SECONDS = 10
"""Of the processor's time: an input of a few kilobytes that takes longer counts as lost."""
BY_THE_CLOCK = 60
"""On a busy machine; what waits for something takes none of the processor's time."""
MEMORY = 3 << 30
"""More than the program has taken before the first input; a header that claims terabytes does not get them."""

Rng = np.random.Generator


class TookTooLong(BaseException):
    """Say that an input held the program up."""


@contextmanager
def limited() -> Iterator[None]:
    """Stop what takes too long."""

    def stop(*_: Any) -> None:
        raise TookTooLong

    signal.signal(signal.SIGPROF, stop)
    faulthandler.dump_traceback_later(BY_THE_CLOCK, exit=True)  # compiled code does not listen to signals
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


def volume(rng: Rng) -> sitk.Image:
    """Make a small oblique volume."""
    dtype = [np.int16, np.float32, np.uint8, np.float64][int(rng.integers(4))]
    image = sitk.GetImageFromArray(rng.normal(60, 40, (6, 7, 8)).clip(0, 250).astype(dtype))
    image.SetSpacing((0.8, 0.9, 2.5))
    image.SetOrigin((-120.0, 40.0, -500.0))
    image.SetDirection([0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1])
    return image


def spoil_volume(folder: Path, rng: Rng) -> Path:
    """Write a volume and spoil its header or its packing."""
    ending = [".nii", ".nii.gz", ".nii.gz", ".mha", ".nrrd", ".hdr", ".img"][int(rng.integers(7))]
    path = folder / f"volume{ending}"
    sitk.WriteImage(volume(rng), str(folder / "whole.nii"))
    if ending in (".nii", ".nii.gz"):
        content = mutations.nifti((folder / "whole.nii").read_bytes(), rng)
        path.write_bytes(mutations.packed(content, rng) if ending == ".nii.gz" else content)
        return path
    sitk.WriteImage(sitk.ReadImage(str(folder / "whole.nii")), str(path))
    spoilt = path.with_suffix(".hdr") if ending == ".img" else path
    content = spoilt.read_bytes()
    if ending in (".mha", ".nrrd"):
        at = content.index(b"LOCAL\n") + 6 if ending == ".mha" else content.index(b"\n\n")
        spoilt.write_bytes(mutations.text(content[:at], rng) + content[at:])
    else:
        spoilt.write_bytes(mutations.nifti(content, rng))
    return path


def volumes(folder: Path, rng: Rng) -> None:
    """Read one spoilt volume in the ways that setup, predict, register and evaluate do."""
    path = spoil_volume(folder, rng)
    refusals = []
    for read in (read_upright, read_volume, find_unclear_header, _as_register, _as_labels):
        try:
            image = read(path)
        except (InputError, ValueError, FileNotFoundError) as error:
            if read is not _as_register and not isinstance(error, InputError):
                raise
            refusals.append(one_sentence(error))
        else:
            if isinstance(image, sitk.Image):
                _is_right(path, image)
    if refusals:
        raise InputError(refusals[0])


def _as_register(path: Path) -> sitk.Image:
    image = read_of_register(path)
    check_image(image, str(path))
    return image


def _as_labels(path: Path) -> None:
    whole_numbers(sitk.GetArrayFromImage(read_volume(path, drawing=True)), path)


def _is_right(path: Path, image: sitk.Image) -> None:
    """Make sure that what was read are finite numbers on a grid that can be."""
    assert image.GetDimension() == 3
    assert min(image.GetSize()) >= 4
    assert np.isfinite(sitk.GetArrayViewFromImage(image)).all()
    assert min(image.GetSpacing()) > 0
    assert np.isfinite([*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()]).all()
    direction = np.array(image.GetDirection()).reshape(3, 3)
    assert np.abs(direction.T @ direction - np.eye(3)).max() < 1e-3, "axes that are not at right angles"
    if path.name.endswith((".nii", ".nii.gz")):
        import nibabel

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                other = np.asarray(nibabel.load(path).dataobj, float)
            except nibabel.filebasedimages.ImageFileError:
                return  # it goes by the name's ending more than we do
        own = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS")).ravel()
        assert own.size == other.size, "another number of voxels than nibabel reads"
        same = np.allclose(np.sort(own), np.sort(other.ravel()), rtol=1e-5, atol=1e-3)
        assert same, "other values than nibabel reads"


TABLE = b"case,patient,nc,art,pv,lesions,liver,reference\n"
TABLE += b"p1,A,a.nii,b.nii,c.nii,m.nii,l.nii,pv\np2,B,,b.nii,c.nii,m.nii|n.nii,,\n"


def tables(folder: Path, rng: Rng) -> None:
    """Read one spoilt table of cases."""
    path = folder / "cases.csv"
    path.write_bytes(mutations.text(TABLE, rng))
    cases, problems, notes = scan_table(path, folder / "raw", ONE_MASK)
    for case in cases:
        assert safe_name(case.name), case.name
        assert {case.reference} <= set(case.images), case
    said = [one_sentence(InputError(sentence)) for sentence in [*problems, *notes]]
    for case in cases:  # nothing of it is there
        report = check_case(case)
        assert report.problems
        said += [one_sentence(InputError(problem)) for problem in report.problems]


NAMES = (
    "nc.nii",
    "art.nii.gz",
    "lesions_pv.nii",
    "pv.nii",
    "liver_pv.nii.gz",
    "patients.csv",
    "x.json",
    ".DS_Store",
)


def folders(folder: Path, rng: Rng) -> None:
    """Read a case folder of odd names, links and empty files."""
    case = folder / (["case 1", "\u202ecase", "-rf", "a\nb", "caf\u00e9", "x" * 200][int(rng.integers(6))])
    case.mkdir()
    for name in NAMES:
        way, path = rng.random(), case / name
        if way < 0.3:
            path.write_bytes(rng.bytes(int(rng.integers(40))))
        elif way < 0.4:
            path.mkdir()
        elif way < 0.5:
            path.symlink_to(path)
        elif way < 0.6:
            path.symlink_to(case, target_is_directory=True)
    found = read_case_folder(case, require_lesions=bool(rng.integers(2)))
    assert safe_name(found.name), found.name
    report = check_case(found)
    for problem in report.problems:
        one_sentence(InputError(problem))
    assert report.problems


RECORD = json.dumps(
    {"labels": {"background": 0, "liver": [1, 2], "lesion": 2, "ignore": 3}, "name": "x"}
).encode()
MOTION = {
    "rotation": np.eye(3).tolist(),
    "translation_mm": [0.0, 1.0, 2.0],
    "liver_shift_mm": [0.0, 0.0, 5.0],
}
TRUTH = json.dumps({"reference": "pv", "lesions": [], "motions": {"pv": MOTION, "art": MOTION}}).encode()
SPLINES = {"order": 3, "order_z": 0, "force_separate_z": None}
DESCRIPTION = json.dumps(
    {
        "format": "nnunet-multiphase exported model",
        "version": 1,
        "record": {"phases": ["art", "pv"], "labels": {"background": 0, "lesion": 1}, "axes": "LPS"},
        "spacing_mm": [2.5, 0.8, 0.8],
        "patch_size": [32, 64, 64],
        "transpose_forward": [0, 1, 2],
        "normalisation": [{"low_hu": -150.0, "high_hu": 250.0, "mean_hu": 60.0, "sd_hu": 40.0}] * 2,
        "image_resampling": SPLINES,
        "logit_resampling": SPLINES,
        "mirror_axes": [0, 1],
        "heads": 2,
        "region_values": [],
        "networks": [{"fold": "0", "file": "fold_0.onnx", "sha256": "0" * 64}],
        "origin": {},
        "equality": {},
    }
).encode()


def records(folder: Path, rng: Rng) -> None:
    """Read one spoilt dataset.json, truth.json and model.json."""
    refusals = []
    for name, content, read in (
        ("dataset.json", RECORD, _labels_of),
        ("truth.json", TRUTH, _points_of),
        ("model.json", DESCRIPTION, read_description),
    ):
        (folder / name).write_bytes(mutations.json_text(content, rng))
        try:
            read(folder)
        except InputError as error:
            refusals.append(one_sentence(error))
    if refusals:
        raise InputError(refusals[0])


def _labels_of(folder: Path) -> None:
    found = read_record(folder)
    if found is not None:
        classes = classes_of_record(found[1], found[0])
        assert classes.lesion
        assert all(0 <= value < 2**31 for value in classes.known), "labels that no file can hold"


def _points_of(folder: Path) -> None:
    points = liver_points_in_moving(read_truth(folder), "art", np.zeros((1, 3)))
    assert np.isfinite(points).all()


PATTERNS = (b"{case}/{phase}_scan.nii.gz", b"*/{case}_{phase}*.nrrd", b"{phase}/{case}.nii")


def patterns(folder: Path, rng: Rng) -> None:
    """Make a layout of one spoilt pattern, and look with it."""
    from nnunet_multiphase.cases.layout_scan import scan_layout

    raw = folder / "raw"
    for name in ("a/art_scan.nii.gz", "a/pv_scan.nii.gz", "b/b_art.nrrd", "art/c.nii"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(b"")
    image, lesions = (
        mutations.text(PATTERNS[int(rng.integers(3))], rng).decode("utf-8", "replace") for _ in range(2)
    )
    layout = Layout(
        image=image, phase_names={"art": "art", "pv": "pv"}, lesions=lesions, liver="", drawn_on="pv",
        lesion_labels=(1,), liver_labels=(1,), further_labels=(), registered=False,
    )  # fmt: skip
    cases, problems, _ = scan_layout(raw, layout, ONE_MASK)
    for case in cases:
        assert safe_name(case.name), case.name
        assert all(path.resolve().is_relative_to(raw.resolve()) for path in case.images.values())
    for problem in problems:
        one_sentence(InputError(problem))


FAMILIES: dict[str, Callable[[Path, Rng], None]] = {
    "volumes": volumes,
    "tables": tables,
    "folders": folders,
    "records": records,
    "patterns": patterns,
    "dicom": hostile_dicom.dicom,
    "onnx": hostile_models.onnx,
    "model": hostile_models.model,
    "pages": hostile_pages.pages,
    "user_tables": hostile_tables.user_tables,
}


def safe_name(name: str) -> bool:
    """Tell whether a name can be a part of a file's name and of nothing else."""
    return bool(name) and not set(name) & set('/\\\0\n\r\x1b<>:"|?*') and name not in (".", "..")


def one_sentence(error: BaseException) -> str:
    """Make sure that a refusal is one line that a person can read."""
    said = str(error)
    assert said.strip(), "a refusal without words"
    assert said.isprintable(), f"a refusal that a terminal cannot show: {said!r}"
    assert len(said) < 2000, f"a refusal of {len(said)} characters"
    return said


def try_one(family: str, number: int, folder: Path) -> tuple[str, str]:
    """Try one input: what became of it, and the reason."""
    import shutil

    place = folder / family
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    rng = np.random.default_rng([zlib.crc32(family.encode()), number])
    try:
        try:
            with limited(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                FAMILIES[family](place, rng)
        except CohortError as error:
            return "refused", next(iter([one_sentence(InputError(problem)) for problem in error.problems]))
        except InputError as error:
            return "refused", one_sentence(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return "failed", "".join(traceback.format_exception(error))[-3000:]
    return "taken", ""


def main(folder: str, first: str, count: str, *families: str) -> None:
    """Try inputs and print what became of them."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    if not families or "model" in families:
        hostile_models.trained()  # torch takes more than all the inputs
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    address_space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (address_space + MEMORY, resource.RLIM_INFINITY))
    report: dict[str, Any] = {}
    for family in families or FAMILIES:
        became: Counter[str] = Counter()
        failed: list[tuple[int, str]] = []
        for number in range(int(first), int(first) + int(count)):
            print(f"{family} {number}", file=sys.stderr, flush=True)  # a crash names its input
            what, why = try_one(family, number, Path(folder))
            became[what] += 1
            if what == "failed":
                failed.append((number, why))
        report[family] = {"became": dict(became), "failed": failed}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - used
    print(json.dumps({"families": report, "grown_mib": grown >> 20}))


if __name__ == "__main__":
    main(*sys.argv[1:])
