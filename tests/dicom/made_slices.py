"""Slices without files: what a scan says of a stack, made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.split import Split


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


# Whose slice it is stands in AccessionNumber, which nothing but the tests looks at.


def second(slices: list[Slice], **changes: object) -> list[Slice]:
    return [replace(part, accession="second", path=Path(f"second-{part.path}"), **changes) for part in slices]  # type: ignore[arg-type]


def acquired(
    owner: str, count: int = 12, *, bottom: float = 0.0, step: float = 5.0, **changes: object
) -> list[Slice]:
    """Make one acquisition, numbered from 1 upwards."""
    return [
        slice_at(
            bottom + step * k,
            **{"instance": k + 1, "accession": owner, "path": Path(f"{owner}-{k}"), **changes},
        )
        for k in range(count)
    ]


def owners(split: Split) -> list[tuple[str, int]]:
    """Give the owner and the number of slices of every part; an owner of "a+b" is a mixture."""
    return [
        ("+".join(sorted({image.accession for image in part.slices})), len(part.slices))
        for part in split.parts
    ]


def doubts(split: Split) -> list[str]:
    return [doubt for part in split.parts for doubt in part.doubts]
