"""A phase that the model does not use: by itself it costs no patient, beside the others it may show an exchange."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
from tiny_phases import write_case

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.prediction.prepare import prepare_case


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_case(tmp_path / "one", phases=("art",))


def damaged(path: Path) -> None:
    path.write_bytes(b"no volume")


def implausible(path: Path) -> None:
    sitk.WriteImage(sitk.Image(40, 40, 40, sitk.sitkInt16), str(path))


@pytest.mark.parametrize("spoil", [damaged, implausible])
def test_a_file_that_is_not_used_costs_no_patient(
    folder: Path, caplog: pytest.LogCaptureFixture, spoil
) -> None:
    spoil(folder / "dl.nii.gz")
    prepared = prepare_case(folder, ("art",))
    assert (list(prepared.images), prepared.passed_over) == (["art"], ("dl",))
    (said,) = caplog.messages
    assert said.startswith("warning: case one, phase dl")
    assert said.endswith("; passed over, for the model does not use dl")


@pytest.mark.parametrize("spoil", [damaged, implausible])
def test_a_file_that_is_used_costs_its_patient(folder: Path, spoil) -> None:
    spoil(folder / "dl.nii.gz")
    with pytest.raises(InputError, match="case one, phase dl"):
        prepare_case(folder, ("art", "dl"))


def test_what_shows_only_beside_an_unused_phase_still_refuses(folder: Path) -> None:
    shutil.copy(folder / "art.nii.gz", folder / "dl.nii.gz")
    with pytest.raises(InputError, match=r"case one.* dl"):
        prepare_case(folder, ("art",))


def test_what_the_check_warns_of_is_told(folder: Path) -> None:
    image = sitk.ReadImage(str(folder / "art.nii.gz"))
    image[:2] = -3024  # as scanners write it where they measured nothing
    sitk.WriteImage(image, str(folder / "art.nii.gz"))
    (said,) = prepare_case(folder, ("art",)).doubts
    assert said.startswith("case one, phase art")
    assert "holds -3024 and the like" in said
