"""Headers that do not say where the voxels lie: sizes of 0, no orientation, two that disagree."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from torso import image_of, torso_hu

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.check import check_case
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.volume_file import read_volume
from registration.file_header import find_unclear_header, read_nifti_header
from registration.finding import Finding

pytestmark = pytest.mark.slow


def rewrite(path: Path, at: int, data: bytes) -> None:
    """Overwrite bytes of a NIfTI header."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[at : at + len(data)] = data
    path.write_bytes(gzip.compress(bytes(content)))


def test_voxels_of_0_are_refused_without_itks_own_warning(
    case: CaseFolder, capfd: pytest.CaptureFixture[str]
) -> None:
    rewrite(case.images["art"], 80, struct.pack("<3f", 0, 0, 0))
    (problem,) = check_case(case).problems
    assert f"{case.images['art']} has voxels of 0 x 0 x 0 in its header: the size is lost" in problem
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_of_0_in_other_formats_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"art{ending}"
    image = sitk.Image(5, 5, 5, sitk.sitkInt16)
    image.SetSpacing((2.0, 2.0, 3.0))
    sitk.WriteImage(image, str(path))
    text = path.read_text()
    lost = text.replace("ElementSpacing = 2 2 3", "ElementSpacing = 0 2 3").replace("(2,0,0)", "(0,0,0)")
    assert lost != text
    path.write_text(lost)
    with pytest.raises(InputError, match="voxel size of 0 in its header"):
        read_volume(path)


def test_a_header_without_orientation_is_refused(case: CaseFolder) -> None:
    rewrite(case.images["art"], 252, bytes(4))
    (problem,) = check_case(case).problems
    assert "qform and sform code are 0" in problem
    assert check_case(case, ["orientation"]).problems == ()


def test_forms_that_disagree_are_refused(case: CaseFolder) -> None:
    # The sform's first row, x in RAS: mirrored.
    rewrite(case.images["art"], 280, struct.pack("<4f", 5.6, 0, 0, 180.0))
    finding = find_unclear_header(case.images["art"])
    assert finding is not None
    # The corner at x = 63: -5.6 * 63 against +5.6 * 63, from the same origin.
    assert "up to 706 mm apart" in finding.clause


@pytest.mark.parametrize("pixdim", [(5.6, 5.6, 10.0), (5.6, 5.6, 2.5), (1.0, 1.0, 1.0), (5.0, 5.6, 5.0)])
def test_an_sform_of_other_voxels_than_pixdim_is_refused(
    case: CaseFolder, pixdim: tuple[float, float, float]
) -> None:
    path = case.images["art"]
    image = nib.Nifti1Image(np.asarray(nib.load(path).dataobj), nib.load(path).affine)
    assert find_unclear_header_of(image, path) is None  # as nibabel writes it: an sform alone
    image.header["pixdim"][1:4] = pixdim
    finding = find_unclear_header_of(image, path)
    assert finding is not None
    assert finding.check == "spacing"
    assert f"{' x '.join(f'{mm:g}' for mm in pixdim)} in pixdim" in finding.clause
    (problem,) = check_case(case).problems
    assert "programs read either (here pixdim)" in problem
    assert "--accept spacing" in problem


def test_an_sform_that_rounding_moved_is_taken(case: CaseFolder) -> None:
    path = case.images["art"]
    image = nib.Nifti1Image(np.asarray(nib.load(path).dataobj), nib.load(path).affine)
    image.header["pixdim"][1:4] *= 1.0005
    assert find_unclear_header_of(image, path) is None


def find_unclear_header_of(image: nib.Nifti1Image, path: Path) -> Finding | None:
    """Write an image with its sform alone, and judge the file."""
    image.header["qform_code"], image.header["sform_code"] = 0, 2
    nib.save(image, path)
    return find_unclear_header(path)


def test_the_qform_is_read_as_itk_writes_it(tmp_path: Path) -> None:
    image = image_of(torso_hu())
    image.SetDirection((0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    header = read_nifti_header(tmp_path / "a.nii.gz")
    assert header is not None
    assert header.qform is not None
    assert header.sform is not None
    assert np.allclose(header.qform, header.sform, atol=1e-3)
    assert find_unclear_header(tmp_path / "a.nii.gz") is None


@pytest.mark.parametrize(("space", "found"), [("space: left-posterior-superior\n", False), ("", True)])
def test_an_nrrd_without_space_has_no_sides(tmp_path: Path, space: str, found: bool) -> None:
    header = f"NRRD0004\ntype: short\ndimension: 3\n{space}sizes: 4 4 4\nencoding: raw\nendian: little\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(128))
    finding = find_unclear_header(tmp_path / "a.nrrd")
    assert (finding is not None) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("TransformMatrix = 1 0 0 0 1 0 0 0 1\n", False),
        ("Orientation = 1 0 0 0 1 0 0 0 1\n", False),
        ("", True),
    ],
)
def test_an_mha_without_directions_has_no_sides(tmp_path: Path, line: str, found: bool) -> None:
    header = f"ObjectType = Image\nNDims = 3\n{line}DimSize = 4 4 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "a.mha").write_bytes(header.encode() + bytes(128))
    assert (find_unclear_header(tmp_path / "a.mha") is not None) == found
