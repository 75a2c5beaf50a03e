"""Images compressed with loss beside the same images without."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_phantom import phase_series

from nnunet_multiphase.dicom.header import Slice, slice_of
from nnunet_multiphase.dicom.regroup import without_copies
from nnunet_multiphase.dicom.scan import Series
from nnunet_multiphase.dicom.volumes import Volume, volumes_of


def slices(**tags: object) -> list[Slice]:
    return [slice_of(Path(), item) for item in phase_series("pv", **tags)]


def volumes(parts: list[Slice]) -> list[Volume]:
    return volumes_of(Series("1.2", "1", "P", tuple(parts), 0))


@pytest.mark.parametrize("turn", [1, -1])
def test_of_one_image_with_and_without_loss_the_one_without_is_kept(turn: int) -> None:
    both = [*slices(), *slices(LossyImageCompression="01")][::turn]
    kept, shared = without_copies(both)
    assert ([part.lossy for part in kept], shared) == ([False] * 12, 0)


def test_a_copy_with_loss_in_the_same_series_is_told_apart() -> None:
    plain, lossy = volumes([*slices(), *slices(LossyImageCompression="01", first_instance=101)])
    assert [{part.lossy for part in volume.slices} for volume in (plain, lossy)] == [{False}, {True}]
    assert plain.notes == ("2 volumes in one series, told apart by LossyImageCompression",)


def test_loss_is_told() -> None:
    (volume,) = volumes(slices(LossyImageCompression="01"))
    assert volume.notes[0].startswith("compressed with loss (LossyImageCompression)")


def test_a_volume_of_which_some_slices_were_compressed_with_loss_stays_one() -> None:
    parts = [*slices(LossyImageCompression="01")[:6], *slices(LossyImageCompression="00")[6:]]
    for mixed in (parts, [*parts[::2], *parts[1::2]]):
        (volume,) = volumes(mixed)
        assert (volume.blocked, volume.doubts) == ((), ())
        assert volume.notes[0].startswith("6 of its slices are compressed with loss")
