"""Make sure that what a case is made of is what was checked: a file may be replaced in between."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.volumes.orientation import turned


def digest_of_voxels(upright: sitk.Image) -> str:
    """Digest a volume's values and size, in whatever type of number they are."""
    values = hashlib.blake2b(digest_size=16)
    for slice_hu in sitk.GetArrayViewFromImage(upright):
        values.update((slice_hu.astype(np.float32) + np.float32(0)).tobytes())  # -0 is 0
    values.update(repr(upright.GetSize()).encode())
    return values.hexdigest()


def digest_of_volume(upright: sitk.Image, voxels: str = "") -> str:
    """Digest a volume: its values, whose digest may be known, and where they lie."""
    geometry = upright.GetSpacing(), upright.GetOrigin(), upright.GetDirection()
    return f"{voxels or digest_of_voxels(upright)} {geometry!r}"


def digest_of_mask(mask: sitk.Image) -> str:
    """Digest a mask, in whatever axis order it is."""
    voxels = np.packbits(sitk.GetArrayFromImage(turned(mask)).astype(bool))
    return hashlib.blake2b(voxels.tobytes(), digest_size=16).hexdigest()


def refuse_changed(case: str, seen: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse a case of which a part is not what it was.

    Args:
        case: Its name.
        seen: Part -> digest when it was checked; parts that are not in it pass.
        now: Part -> digest.

    Raises:
        InputError: One differs.
    """
    changed = [part for part, digest in now.items() if seen.get(part, digest) != digest]
    if changed:
        raise InputError(
            f"case {case}: {' and '.join(changed)} changed after the check: something writes the files while they are read; "
            "wait until it has ended, then run the same again"
        )
