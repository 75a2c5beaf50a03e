"""Write what was measured: a row a lesion for spreadsheets, and everything as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnunet_multiphase.json_file import write_json
from nnunet_multiphase.measurement.further import further_names
from nnunet_multiphase.measurement.record import Attenuation, Diameter, LesionMeasures, PatientMeasures
from nnunet_multiphase.table_cells import write_csv

FORMAT = 1
"""Of the JSON; greater where a key changes its meaning."""
NOTE = "for research only, not a medical device"


def write_measures_csv(measures: PatientMeasures, path: Path, phases: Sequence[str]) -> Path:
    """Write one row a lesion; what could not be measured is an empty cell.

    Args:
        measures: Of one patient.
        path: The file.
        phases: Phases that get columns.
    """
    rows = [_row(lesion, phases) for lesion in measures.lesions]
    return write_csv(path, columns(phases), [[_cell(value) for value in row.values()] for row in rows])


def columns(phases: Sequence[str]) -> list[str]:
    """Name the columns."""
    return list(_row(_NOTHING, phases))


def write_measures_json(measures: PatientMeasures, path: Path, more: Mapping[str, Any]) -> Path:
    """Write all of it, with what the caller knows of the case (`more`: phases lacking, warnings)."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "note": NOTE,
        "case": measures.case,
        "reference": measures.reference,
        **more,
        "number": len(measures.lesions),
        "burden_ml": measures.burden_ml,
        "burden_percent": measures.burden_percent,
        "liver": {
            "source": measures.liver_source,
            "volume_ml": measures.liver_ml,
            "attenuation": {phase: asdict(region) for phase, region in measures.liver.items()},
        },
        "lesions": [asdict(lesion) for lesion in measures.lesions],
    }
    return write_json(path, content)


def _row(lesion: LesionMeasures, phases: Sequence[str]) -> dict[str, object]:
    x, y, z = lesion.centroid_mm
    row: dict[str, object] = {
        "lesion": lesion.id,
        "volume_ml": lesion.volume_ml,
        "diameter_mm": lesion.axial.mm,
        "centre_x_mm": f"{x:.3f}",
        "centre_y_mm": f"{y:.3f}",
        "centre_z_mm": f"{z:.3f}",
    }
    row |= {f"mean_hu_{phase}": _hu(lesion.lesion.get(phase), "mean_hu") for phase in phases}
    row |= {f"sd_hu_{phase}": _hu(lesion.lesion.get(phase), "sd_hu") for phase in phases}
    row |= {f"ring_mean_hu_{phase}": _hu(lesion.ring.get(phase), "mean_hu") for phase in phases}
    row |= {f"ring_sd_hu_{phase}": _hu(lesion.ring.get(phase), "sd_hu") for phase in phases}
    row |= {f"enhancement_hu_{phase}": lesion.enhancement_hu.get(phase) for phase in phases if phase != "nc"}
    return row | {
        "perpendicular_mm": lesion.perpendicular.mm,
        "diameter_3d_mm": lesion.diameter_3d.mm,
        "absolute_washout_percent": lesion.absolute_washout_percent,
        "relative_washout_percent": lesion.relative_washout_percent,
        "arterial_hyperenhancement": lesion.arterial_hyperenhancement,
        "washout": lesion.washout,
        "side": lesion.side,
        "surface_distance_mm": lesion.surface_distance_mm,
        "outside_liver": lesion.outside_liver,
        "confidence": lesion.confidence,
        "cut_off": "; ".join(lesion.cut_off),
        # Under names that ours will never have.
        **{f"added_{name}": lesion.added.get(name) for name in further_names()},
    }


def _hu(region: Attenuation | None, which: str) -> str | None:
    return None if region is None else f"{getattr(region, which):.2f}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


_NONE_MM = Diameter(0.0, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
_NOTHING = LesionMeasures(0, 0.0, _NONE_MM, _NONE_MM, _NONE_MM, (0.0, 0.0, 0.0))
"""Only names its columns."""
