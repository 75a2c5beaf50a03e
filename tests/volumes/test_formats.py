"""Volumes and masks in the formats people have: 4D files, header pairs, Analyze, files under wrong names."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from oblique_volume import oblique_volume, values

import nnunet_multiphase as mp
from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.cases.inputs import Inputs, find_cases
from nnunet_multiphase.cases.layout import Layout, check_layout
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.file_header import refuse_unclear_header, unclear_headers
from registration.volume_file import read_volume as read_of_register

NUMBERS = {"0": "nc", "1": "art", "2": "pv", "3": "dl"}


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha", ".nii"])
@pytest.mark.parametrize("how", ["joined", "components"])
def test_each_volume_of_a_4d_file_is_read_by_its_number(tmp_path: Path, ending: str, how: str) -> None:
    volumes = [oblique_volume(seed) for seed in range(4)]
    stack = sitk.JoinSeries(volumes) if how == "joined" else sitk.Compose(volumes)
    sitk.WriteImage(stack, str(tmp_path / f"stack{ending}"))
    for number, volume in enumerate(volumes):
        read = read_volume(tmp_path / f"stack{ending}#{number}")
        assert np.array_equal(values(read), values(volume))
        assert np.allclose(read.GetSpacing(), volume.GetSpacing(), rtol=1e-6)
        assert np.allclose(read.GetOrigin(), volume.GetOrigin(), atol=1e-3)
        assert np.allclose(read.GetDirection(), volume.GetDirection(), atol=1e-6)


def test_a_pattern_with_a_channel_takes_a_4d_file_apart(tmp_path: Path) -> None:
    volumes = [oblique_volume(seed) for seed in range(4)]
    (tmp_path / "a").mkdir()
    sitk.WriteImage(sitk.JoinSeries(volumes), str(tmp_path / "a" / "ct.nii.gz"))
    mask = sitk.Image(volumes[0].GetSize(), sitk.sitkUInt8)
    mask.CopyInformation(volumes[0])
    sitk.WriteImage(mask, str(tmp_path / "a" / "seg.nii.gz"))
    layout = Layout("{case}/ct.nii.gz#{phase}", NUMBERS, lesions="{case}/seg.nii.gz", drawn_on="pv")
    found = find_cases(tmp_path, Inputs(layout=layout))
    assert found.problems == []
    (case,) = found.cases
    assert list(case.images) == ["nc", "art", "pv", "dl"]
    assert np.array_equal(values(read_volume(case.images["art"])), values(volumes[1]))
    assert check_case(case).problems == ()


def test_a_4d_file_without_numbers_is_refused_with_the_option(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.JoinSeries([oblique_volume()] * 3), str(tmp_path / "pv.nii.gz"))
    with pytest.raises(
        InputError, match=r"4D file of 3 .*--pattern '\{case\}/pv.nii.gz#\{phase\}' --phase-names nc=0 art=1"
    ):
        read_volume(tmp_path / "pv.nii.gz")


def test_a_number_beyond_a_4d_file_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.JoinSeries([oblique_volume()] * 3), str(tmp_path / "pv.nii.gz"))
    with pytest.raises(InputError, match="has no volume 3: it holds 3"):
        read_volume(tmp_path / "pv.nii.gz#3")


def test_a_channel_needs_numbers() -> None:
    with pytest.raises(InputError, match=r"number in the file from 0.*found art, pv"):
        check_layout(Layout("{case}.nii.gz#{phase}", {"art": "art", "pv": "pv"}))


@pytest.mark.parametrize("ending", [".hdr", ".img"])
def test_a_nifti_pair_is_read_by_either_half(tmp_path: Path, ending: str) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "pv.hdr"))
    assert np.array_equal(values(read_volume(tmp_path / f"pv{ending}")), values(oblique_volume()))


def test_an_img_without_its_header_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "pv.hdr"))
    (tmp_path / "pv.hdr").unlink()
    with pytest.raises(InputError, match=r"has no header beside it: expected pv\.hdr"):
        read_volume(tmp_path / "pv.img")


def test_a_pair_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "pv.hdr"))
    data = (tmp_path / "pv.img").read_bytes()
    (tmp_path / "pv.img").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cut off"):
        read_volume(tmp_path / "pv.hdr")


def test_analyze_without_a_side_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "pv.hdr"))
    header = bytearray((tmp_path / "pv.hdr").read_bytes())
    header[344:348] = bytes(4)  # Analyze 7.5 has no magic there
    (tmp_path / "pv.hdr").write_bytes(header)
    with pytest.raises(InputError, match=r"Analyze 7\.5.*patient's right"):
        read_volume(tmp_path / "pv.hdr")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr", ".h5"])
def test_formats_that_say_where_right_is_leave_nothing_open(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pv{ending}"
    sitk.WriteImage(oblique_volume(), str(path))
    assert unclear_headers(path) == []
    assert np.allclose(sitk.ReadImage(str(path)).GetDirection(), oblique_volume().GetDirection(), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("pv.vtk", ["orientation"]),
        ("pv.gipl", ["orientation"]),
        ("pv.mrc", ["orientation"]),
        ("pv.tif", ["spacing", "orientation"]),
    ],
)
def test_formats_that_keep_no_sides_are_refused_by_setup_too(
    tmp_path: Path, name: str, checks: list[str]
) -> None:
    path = tmp_path / name
    sitk.WriteImage(oblique_volume(), str(path))
    assert [finding.check for finding in unclear_headers(path)] == checks
    case = CaseFolder("a", tmp_path, "a", {"pv": path}, "pv", None, None)
    assert any(f"{name} is " in p and "the patient's right" in p for p in check_case(case).problems)
    accepted = check_case(case, checks)
    assert not any("the patient's right" in problem for problem in accepted.problems)
    assert set(checks) <= set(accepted.accepted)


def test_a_sheared_header_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "pv.nii.gz"))
    data = bytearray(gzip.decompress((tmp_path / "pv.nii.gz").read_bytes()))
    rows = np.frombuffer(bytes(data[280:328]), "<f4").reshape(3, 4).copy()
    rows[1, 2] += 0.9  # y moves with z
    data[280:328] = rows.astype("<f4").tobytes()
    data[252:256] = b"\0\0\1\0"  # the sform alone
    (tmp_path / "pv.nii.gz").write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(InputError, match=r"gantry tilt.*resample"):
        read_volume(tmp_path / "pv.nii.gz")


def tilted_file(path: Path, qform_code: int) -> Path:
    """Write a stack whose slices go to the front by 0.9 mm each, as a NIfTI sform says it; the qform cannot."""
    hu = np.random.default_rng(0).normal(50, 20, (20, 8, 9)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(hu), str(path))
    rows = np.array([[-1, 0, 0, 0], [0, -1, 0.9, 0], [0, 0, 1, 0]], "<f4")
    return rewritten(rewritten(path, 280, rows.tobytes()), 252, bytes([qform_code, 0, 1, 0]))


@pytest.mark.parametrize("qform_code", [0, 1])
def test_a_tilt_is_named_by_every_reader_whatever_the_qform_says(tmp_path: Path, qform_code: int) -> None:
    path = tilted_file(tmp_path / "pv.nii.gz", qform_code)
    said = []
    case = CaseFolder("a", tmp_path, "a", {"pv": path}, "pv", None, None)
    said.append(next(problem for problem in check_case(case).problems if "right angles" in problem))
    for register in (mp.register, command_of_register):
        with pytest.raises(ValueError, match="right angles") as raised:
            register(path, path)
        said.append(str(raised.value))
    for sentence in said:
        assert "gantry tilt stored as a shear, in its sform" in sentence
        assert "resample it to one" in sentence
        assert "set one to the other" not in sentence
        assert ("17 mm apart, cannot hold the tilt" in sentence) == bool(qform_code)


def command_of_register(reference: Path, moving: Path) -> None:
    """Read as the register command does."""
    refuse_unclear_header(reference)
    read_of_register(moving)


def test_nifti_2_is_named_by_the_register_command_too(tmp_path: Path) -> None:
    path = tmp_path / "pv.nii.gz"
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti2Image(np.ones((6, 6, 6), np.int16), np.eye(4)), path)
    with pytest.raises(ValueError, match=r"pv\.nii\.gz is NIfTI-2, .*expected NIfTI-1"):
        command_of_register(path, path)


def rewritten(path: Path, at: int, data: bytes) -> Path:
    """Change bytes of a packed NIfTI."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[at : at + len(data)] = data
    path.write_bytes(gzip.compress(bytes(raw)))
    return path


def test_a_rounded_sform_is_told_from_a_tilt(tmp_path: Path) -> None:
    path = tmp_path / "pv.nii.gz"
    sitk.WriteImage(oblique_volume(), str(path))
    rows = np.frombuffer(gzip.decompress(path.read_bytes())[280:328], "<f4").reshape(3, 4).copy()
    rows[:, 1] += 0.001 * rows[:, 0] / 0.8 * 0.9  # y leans to x by a thousandth: 0.057 degrees
    rewritten(rewritten(path, 280, rows.astype("<f4").tobytes()), 252, bytes([0, 0, 1, 0]))
    with pytest.raises(
        InputError, match=r"off right angles by 0\.057 degrees, as by rounding.*set the sform to the qform"
    ):
        read_volume(path)


def test_names_that_hide_how_a_file_is_packed_are_told(tmp_path: Path) -> None:
    sitk.WriteImage(oblique_volume(), str(tmp_path / "pv.nii.gz"))
    packed = (tmp_path / "pv.nii.gz").read_bytes()
    (tmp_path / "art.nii").write_bytes(packed)
    (tmp_path / "nc.nii.gz").write_bytes(gzip.decompress(packed))
    with pytest.raises(InputError, match=r"art\.nii is packed.*rename it to art\.nii\.gz$"):
        read_volume(tmp_path / "art.nii")
    with pytest.raises(InputError, match=r"nc\.nii\.gz is not packed.*rename it to nc\.nii$"):
        read_volume(tmp_path / "nc.nii.gz")


@pytest.mark.parametrize("name", ["pv.nii.gz", "pv.nii", "pv.nrrd", "pv.hdr"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:aa\n", "is a Git LFS pointer"),
    ],
)
def test_what_was_downloaded_in_place_of_a_volume_is_named(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name} {said}.*download"):
        read_volume(tmp_path / name)


def test_nifti_2_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pv.nii.gz"
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti2Image(np.ones((6, 6, 6), np.int16), np.eye(4)), path)
    with pytest.raises(InputError, match=r"pv\.nii\.gz is NIfTI-2, .*expected NIfTI-1"):
        read_volume(path)


@pytest.mark.parametrize("ending", [".nii.gz", ".mha"])
def test_a_colour_image_is_no_4d_file(tmp_path: Path, ending: str) -> None:
    grey = sitk.Cast(sitk.Clamp(oblique_volume(), sitk.sitkInt16, 0, 255), sitk.sitkUInt8)
    path = tmp_path / f"pv{ending}"
    sitk.WriteImage(sitk.Compose(grey, grey, grey), str(path))
    colour = r"is a colour image \(3 values of 8 bits a voxel\): expected one volume of"
    with pytest.raises(InputError, match=f"{colour} HU; export the CT itself"):
        read_volume(path)
    with pytest.raises(InputError, match=f"{colour} labels, such as 0 and 1; write the mask as one number"):
        read_volume(path, drawing=True)


@pytest.mark.skipif(os.sep != "/", reason="there the path is right")
@pytest.mark.parametrize("written", ["p1\\pv.nii.gz", "D:\\data\\pv.nii.gz"])
def test_a_path_of_windows_is_told(tmp_path: Path, written: str) -> None:
    with pytest.raises(InputError, match="a path as Windows writes it"):
        read_volume(tmp_path / written)


@pytest.mark.parametrize(("code", "unit"), [(1, "metre"), (3, "micrometre")])
def test_a_unit_code_that_does_not_fit_the_numbers_is_told(tmp_path: Path, code: int, unit: str) -> None:
    path = tmp_path / "pv.nii.gz"
    sitk.WriteImage(oblique_volume(), str(path))
    rewritten(path, 123, bytes([code]))
    case = CaseFolder("a", tmp_path, "a", {"pv": path}, "pv", None, None)
    problem = next(p for p in check_case(case).problems if "xyzt_units" in p)
    assert (
        f"unit code (xyzt_units {code}) says {unit}, and its numbers seem to be mm; set the code to 2"
        in problem
    )
