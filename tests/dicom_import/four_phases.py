"""What the tests of an import share: a tree of four phases with lesions, a corrected table, the files that are there."""

from __future__ import annotations

import csv
from pathlib import Path

from dicom_phantom import lesion_mask, make_seg, phase_series, save

from nnunet_multiphase.phases import PHASES

NAMES = {"nc": "nativ", "art": "arteriell", "pv": "portal venous", "dl": "delayed"}


def save_four_phases(tree: Path, **options: str) -> None:
    """Write four phases and the lesions drawn on pv."""
    for number, phase in enumerate(PHASES, start=1):
        slices = phase_series(phase, description=NAMES[phase], number=number, **options)
        save(slices, tree)
        if phase == "pv":
            save([make_seg(slices, {"Mass": lesion_mask()})], tree)


def correct(table: Path, **changes: dict[str, str]) -> None:
    """Change cells of a table, row by its series number."""
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row.update(changes.get(f"no{row['series_number']}", {}))
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
