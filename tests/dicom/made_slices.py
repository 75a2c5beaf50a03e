"""Slices without files: what a scan says of a stack, made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nnunet_multiphase.dicom.header import Slice


def slice_at(z: float, *, instance: int = 1, **changes: object) -> Slice:
    """Make an axial slice at height z."""
    part = Slice(
        path=Path(f"{z}-{instance}-{changes}"),
        uid=f"{z}-{instance}",
        instance=instance,
        acquisition=1,
        acquired_s=0.0,
        content_s=0.0,
        contrast_start_s=None,
        position=(-10.0, 20.0, z),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing=(0.8, 0.7),
        rows=32,
        columns=32,
        frames=1,
        has_rescale=True,
        localizer=False,
        screen=False,
        burned_in=False,
        agent="",
    )
    return replace(part, **changes)  # type: ignore[arg-type]


def stack(count: int = 10, step: float = 2.5, **changes: object) -> list[Slice]:
    return [slice_at(step * k, instance=k + 1, **changes) for k in range(count)]
