"""Spoilt DICOM trees through the doors that take one; what comes out is compared with what pydicom reads of each file."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import dicom_mutations
import mutations
import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk
from dicom_mutations import elements, with_value
from mutations import Rng
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from nnunet_multiphase.cli.main import main
from nnunet_multiphase.dicom.pixels import LARGEST_HU
from nnunet_multiphase.dicom.series_folder import read_series_folder
from nnunet_multiphase.errors import InputError, printable
from nnunet_multiphase.patients.inputs import gather_patients, sort_inputs

sys.path.append(str(Path(__file__).parents[1] / "dicom"))
from dicom_phantom import START, abdomen_hu, lesion_mask, make_rtstruct, make_seg, make_series

SHAPE = (10, 32, 32)
WORDS = {"art": "arteriell", "pv": "portal venous"}
PLACES = 1e-3
"""mm that a place may be off; NIfTI keeps single precision."""


@cache
def whole_tree() -> dict[str, bytes]:
    """Make two phases, a segmentation and a structure set, as bytes by file name; the name says the phase."""
    tree = {}
    for number, (phase, word) in enumerate(WORDS.items(), start=1):
        slices = make_series(
            abdomen_hu(phase, SHAPE), series=phase, start=START[phase], description=word, number=number
        )
        tree |= {f"{phase}_{k}.dcm": dicom_mutations.encoded(item) for k, item in enumerate(slices)}
    tree["seg.dcm"] = dicom_mutations.encoded(make_seg(slices, {"Mass": lesion_mask(SHAPE)}))
    square = [(8.0, 12.0), (12.0, 12.0), (12.0, 15.0), (8.0, 15.0)]
    tree["rtstruct.dcm"] = dicom_mutations.encoded(
        make_rtstruct(slices, {"GTV": [(k, square) for k in (4, 5, 6)]})
    )
    return tree


def dicom(folder: Path, rng: Rng) -> None:
    """Spoil a tree, and import it, try it out, or read it as `predict` does."""
    tree = folder / "tree"
    files = write_spoilt(tree, rng)
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    way = int(rng.integers(4))
    refused = ""
    try:
        if way == 0:
            for path in _read_as_predict(tree, folder / "out"):
                _is_right(path, tree)
        elif way == 1:
            image = read_series_folder(tree / "pv")
            sitk.WriteImage(image, str(folder / "pv.nii"))
            _is_right(folder / "pv.nii", tree)
        else:
            refused = _import(tree, folder / "out", *(("--dry-run",) if way == 2 else ()))
            for path in sorted((folder / "out").rglob("*.nii.gz")):
                _is_right(path, tree)
                if path.name == "lesions_pv.nii.gz":
                    _is_right_mask(path, files)
    finally:
        _nothing_strays(folder, before)
    if refused:
        raise InputError(refused)


def write_spoilt(tree: Path, rng: Rng) -> dict[str, bytes]:
    """Write the tree with one or two ways of spoiling it, and give its files."""
    files = dict(whole_tree())
    files.pop("seg.dcm" if rng.random() < 0.5 else "rtstruct.dcm")
    for _ in range(int(rng.integers(1, 3))):
        SPOILERS[int(rng.integers(len(SPOILERS)))](files, rng)
    for name, content in files.items():
        path = tree / name.split("_")[0] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if rng.random() < 0.1:
        (tree / "pv").mkdir(parents=True, exist_ok=True)
        (tree / "pv" / "round").symlink_to(tree, target_is_directory=True)
        (tree / "pv" / "self").symlink_to(tree / "pv" / "self")
        (tree / "pv" / "endless").symlink_to("/dev/zero")
        os.mkfifo(tree / "pipe.dcm")  # nobody writes into it
    return files


Files = dict[str, bytes]


def _one_file(files: Files, rng: Rng) -> None:
    name = _some(files, rng)
    files[name] = dicom_mutations.spoilt(files[name], rng)


def _mask_file(files: Files, rng: Rng) -> None:
    for name in ("seg.dcm", "rtstruct.dcm"):
        if name in files:
            files[name] = dicom_mutations.spoilt(files[name], rng)


def _same_in_all(files: Files, rng: Rng) -> None:
    """Spoil one element of a series alike in all of its files, as a bad export does."""
    phase = ["art", "pv"][int(rng.integers(2))]
    names = [name for name in files if name.startswith(phase)]
    if not names:
        return
    seed = int(rng.integers(1 << 31))
    for name in names:
        files[name] = dicom_mutations.spoilt(files[name], np.random.default_rng(seed))


def _one_uid(files: Files, rng: Rng) -> None:
    """Give all files of the tree, or two of them, one value of an element that should part them."""
    tag = [(0x0008, 0x0018), (0x0020, 0x000E), (0x0020, 0x000D), (0x0020, 0x0013), (0x0020, 0x0032)][
        int(rng.integers(5))
    ]
    names = [name for name in files if rng.random() < 0.9] if rng.random() < 0.5 else _two(files, rng)
    value = _value_of(files[_some(files, rng)], tag)
    for name in names:
        files[name] = _set(files[name], tag, value)


def _turned(files: Files, rng: Rng) -> None:
    """Give a phase axes that are not at right angles, not of length 1, of the other hand, or none."""
    words = [
        *(
            "1\\0\\0\\0.5\\1\\0",
            "2\\0\\0\\0\\2\\0",
            "1\\0\\0\\1\\0\\0",
            "0\\0\\0\\0\\0\\0",
            "nan\\0\\0\\0\\1\\0",
        ),
        *(
            "-1\\0\\0\\0\\1\\0",
            "0\\1\\0\\1\\0\\0",
            "1\\0\\0\\0\\0.99\\0.1",
            "1\\0\\0\\0\\0\\-1",
            "1e-200\\0\\0\\0\\1\\0",
        ),
    ]
    word = words[int(rng.integers(len(words)))].encode()
    for name in _phase(files, rng):
        files[name] = _set(files[name], (0x0020, 0x0037), word)


def _spaced(files: Files, rng: Rng) -> None:
    """Give a phase pixels of an impossible size."""
    words = ("0\\0", "-1\\-1", "nan\\nan", "1e-30\\1e-30", "1e30\\1e30", "inf\\1", "6", "6\\5\\4", "", "5\\6")
    word = words[int(rng.integers(len(words)))].encode()
    for name in _phase(files, rng):
        files[name] = _set(files[name], (0x0028, 0x0030), word)


def _placed(files: Files, rng: Rng) -> None:
    """Multiply a phase's places, or move them far away."""
    factor = float(rng.choice([0.0, -1.0, 1e-6, 1e6, 1e150, 1.0]))
    shift = float(rng.choice([0.0, 1e5, 1e300, float("nan")]))
    for name in _phase(files, rng):
        try:
            old = [
                float(word.strip(b"\0 ")) for word in _value_of(files[name], (0x0020, 0x0032)).split(b"\\")
            ]
        except ValueError:
            continue  # spoilt before
        words = [repr(value * factor + shift) for value in old]
        files[name] = _set(files[name], (0x0020, 0x0032), "\\".join(words).encode())


def _scaled(files: Files, rng: Rng) -> None:
    """Give a phase, or one of its slices, another rescaling."""
    words = ("0", "nan", "inf", "-1", "1e-30", "1e30", "", "abc", "2", "1e308", "1\\2")
    tag = (0x0028, 0x1053) if rng.random() < 0.7 else (0x0028, 0x1052)
    word = words[int(rng.integers(len(words)))].encode()
    names = _phase(files, rng)
    for name in names if rng.random() < 0.7 else names[3:4]:
        files[name] = _set(files[name], tag, word)


def _huge(files: Files, rng: Rng) -> None:
    """Claim pictures far larger than their pixels, or far more frames."""
    for name in _phase(files, rng) if rng.random() < 0.5 else [_some(files, rng)]:
        for tag in ((0x0028, 0x0010), (0x0028, 0x0011)):
            files[name] = _set(files[name], tag, struct.pack("<H", 65535))
        if rng.random() < 0.5:
            files[name] = _set(files[name], (0x0020, 0x0013), b"2147483647")
            files[name] = _set(files[name], (0x0028, 0x0008), b"2147483647")


def _lost(files: Files, rng: Rng) -> None:
    for name in [name for name in files if rng.random() < 0.2]:
        del files[name]
    if not files:
        files["pv_0.dcm"] = whole_tree()["pv_0.dcm"]


def _twice(files: Files, rng: Rng) -> None:
    for name in [name for name in files if rng.random() < 0.2]:
        files[f"{name[:-4]}_again.dcm"] = files[name]


def _other_things(files: Files, rng: Rng) -> None:
    """Put files among them that are no DICOM, or cut off."""
    things = (
        *(b"", b"\0" * 200, b"\0" * 128 + b"DICM", b"PK\x03\x04" + b"\0" * 60, b"\x1f\x8b\x08\0" + b"x" * 40),
        *(b"patient,name\nA,B\n", b"\x08\0\x05\0" + b"\xff" * 40, zlib.compress(b"\0" * (1 << 20))),
    )
    for name in ("pv_x.dcm", "art_1.txt", "notes.csv", "pv_IM1"):
        if rng.random() < 0.5:
            files[name] = things[int(rng.integers(len(things)))]


def _stored_otherwise(files: Files, rng: Rng) -> None:
    """Name a transfer syntax that the bytes do not have, or deflate what follows."""
    syntaxes = [word for word in dicom_mutations.UID_WORDS if word.startswith("1.2.840.10008.1.2")]
    word = syntaxes[int(rng.integers(len(syntaxes)))]
    for name in _phase(files, rng) if rng.random() < 0.6 else [_some(files, rng)]:
        content = _set(files[name], (0x0002, 0x0010), word.encode())
        begins = next((one.start for one in elements(content) if one.tag[0] > 2), len(content))
        if word.endswith(".1.99") and rng.random() < 0.7:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            content = content[:begins] + packer.compress(content[begins:]) + packer.flush()
            if rng.random() < 0.3:
                content = mutations.cut(content, rng)
        files[name] = content


SPOILERS: tuple[Callable[[Files, Rng], None], ...] = (
    *(_one_file, _mask_file, _mask_file, _same_in_all, _same_in_all, _one_uid, _turned, _spaced, _placed),
    *(_scaled, _huge, _lost, _twice, _other_things, _stored_otherwise),
)


def _some(files: Files, rng: Rng) -> str:
    return list(files)[int(rng.integers(len(files)))]


def _two(files: Files, rng: Rng) -> list[str]:
    return [_some(files, rng), _some(files, rng)]


def _phase(files: Files, rng: Rng) -> list[str]:
    phase = ["art", "pv"][int(rng.integers(2))]
    return [name for name in files if name.startswith(phase)]


def _value_of(content: bytes, tag: tuple[int, int]) -> bytes:
    return next((content[one.value : one.end] for one in _read(content) if one.tag == tag), b"")


def _set(content: bytes, tag: tuple[int, int], value: bytes) -> bytes:
    """Give the first element of that tag another value; a file that has none keeps what it has."""
    for one in _read(content):
        if one.tag == tag:
            return (
                content[: one.start]
                + with_value(content[one.start : one.end], one, value)
                + content[one.end :]
            )
    return content


def _read(content: bytes) -> list[dicom_mutations.Element]:
    return elements(content) if content[128:132] == b"DICM" else []


def _read_as_predict(tree: Path, out: Path) -> list[Path]:
    given = sort_inputs([tree])
    gathered = gather_patients(given, out)
    for sentence in (*gathered.failures, *gathered.remarks):
        _can_be_shown(sentence)
    if not given.trees:  # nothing of it looks like DICOM any more
        raise InputError("no DICOM tree")
    if not gathered.patients:
        raise InputError(printable(gathered.failures[0]))
    return [path for patient in gathered.patients for path in sorted(Path(str(patient.case)).glob("*.nii"))]


def _import(tree: Path, out: Path, *options: str) -> str:
    """Run the command, and give the first of its errors."""
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        status = main(["import-dicom", str(tree), str(out), *options])
    assert status in (0, 1, 2), status
    lines = told.getvalue().splitlines()
    for line in [*lines, *said.getvalue().splitlines()]:
        _can_be_shown(line)
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    assert bool(errors) == (status > 0), (status, lines)
    assert status < 2 or not out.exists(), "refused, and something was written"
    return errors[0] if errors else ""


def _can_be_shown(sentence: str) -> None:
    assert sentence.isprintable(), f"a terminal cannot show {sentence!r}"
    assert len(sentence) < 4000, len(sentence)


def _nothing_strays(folder: Path, before: dict[Path, int]) -> None:
    """Make sure that the tree is as it was, and that all files lie where they are told to."""
    after = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    assert before.items() <= after.items(), "the tree was changed"
    allowed = re.compile(
        r"out(_series\.(csv|html)|_masks\.csv|_made_of\.csv|_pseudonyms\.csv)?|pv\.nii|"
        r"out/(patients\.csv|imported.*|patient_\d+(_\d+)?(/((lesions|liver)_)?(nc|art|pv|dl)\.nii(\.gz)?)?)"
    )
    for path in after.keys() - before.keys():
        assert allowed.fullmatch(str(path.relative_to(folder))), path


def _is_right(path: Path, tree: Path) -> None:
    """Make sure that each slice of a written volume is that of one file as pydicom reads it, all of one phase."""
    image = nibabel.load(path)
    volume = np.asarray(image.dataobj, float)  # type: ignore[attr-defined]
    assert volume.ndim == 3
    assert np.isfinite(volume).all()
    assert np.isfinite(image.affine).all()  # type: ignore[attr-defined]
    if path.name.startswith(("lesions", "liver")):
        assert set(np.unique(volume)) <= {0.0, 1.0}
        return
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine  # type: ignore[attr-defined]  # RAS -> LPS
    files = [
        found
        for file in sorted(tree.rglob("*.dcm"))
        if file.is_file() and not file.is_symlink()
        if (found := _plane_of(file))
    ]
    phases = set()
    for k in range(volume.shape[2]):
        corner = (affine @ [0, 0, k, 1])[:3]
        size = max(1.0, float(np.abs(corner).max()))
        same = {
            phase
            for phase, position, across, plane in files
            if plane.shape == volume.shape[1::-1]
            and np.abs(position - corner).max() < PLACES * size
            and np.abs(across - affine[:3, :2]).max() < PLACES
            and _same_values(volume[:, :, k].T, plane)
        }
        assert same, f"slice {k} of {path.name} is that of no file"
        phases.add(frozenset(same))
    assert frozenset.intersection(*phases), f"slices of several phases: {phases}"


def _is_right_mask(path: Path, files: Files) -> None:
    """Compare a mask with what was drawn, where neither it nor the images it lies on were spoilt."""
    here, whole = (
        {name: content for name, content in of.items() if name.startswith(("pv", "seg"))}
        for of in (files, whole_tree())
    )
    if here == whole:
        found = np.asarray(nibabel.load(path).dataobj)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(found.T, lesion_mask(SHAPE))


def _same_values(own: np.ndarray, plane: np.ndarray) -> bool:
    differs = ~np.isclose(own, plane, rtol=1e-5, atol=1e-3)
    # Padding became air; above any scanner's range a stored value's highest bit is its sign. Both are told.
    return bool(((own[differs] == -1024) | (plane[differs] > LARGEST_HU)).all())


def _plane_of(file: Path) -> tuple[str, np.ndarray, np.ndarray, np.ndarray] | None:
    """Read a file with pydicom alone: phase, place (mm, LPS), steps along column and row index, HU (y, x)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            item: Any = pydicom.dcmread(file, force=True)
            position = np.array(item.ImagePositionPatient, float)
            row, column = np.array(item.ImageOrientationPatient, float).reshape(2, 3)
            between_rows, between_columns = (float(value) for value in item.PixelSpacing)
            if "TransferSyntaxUID" not in item.file_meta:
                item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            # What is not given changes nothing: import tells, and does not use such a series by itself.
            slope, intercept = float(item.get("RescaleSlope") or 1), float(item.get("RescaleIntercept") or 0)
            hu = pixel_array(item, correct_unused_bits=False) * slope + intercept
        except Exception:
            return None
    steps = np.stack([row * between_columns, column * between_rows], axis=1)
    return file.name.split("_")[0], position, steps, hu
