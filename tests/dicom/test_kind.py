"""What may be a phase: plain soft-tissue axial images first, everything made of them only where the user says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import (
    AXIAL,
    CORONAL,
    START,
    abdomen_hu,
    make_series,
    phase_series,
    save,
)
from dicom_runs import by_number

from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.kind import kind_of, with_kinds
from nnunet_multiphase.dicom.scan import Series
from nnunet_multiphase.dicom.volumes import Volume, volumes_of
from nnunet_multiphase.dicom_import.import_tree import import_tree

pytestmark = pytest.mark.slow
Rows = Callable[..., list[dict[str, str]]]
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
THIN = (24, 32, 32)
THIN_MM = (5.0, 6.0, 2.5)


def volume_with(
    description: str = "LIVER PV 2.5",
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "AXIAL"),
    kernel: str = "",
    **tags: Any,
) -> Volume:
    """Make a volume of twelve slices in memory."""
    orientation = tags.pop("orientation", AXIAL)
    step = np.cross(orientation[:3], orientation[3:]) * THIN_MM[2]
    first = Slice(
        *(Path("0"), "0", 0, 1, 0.0, 0.0, None, (0.0, 0.0, 0.0), orientation, (6.0, 5.0), 32, 32, 1),
        *(True, False, False, False, ""),
        description=description,
        image_type=tuple(image_type),
        kernel=kernel,
        **tags,
    )
    slices = tuple(
        replace(first, path=Path(str(k)), uid=str(k), instance=k, position=tuple(k * step)) for k in range(12)
    )
    (volume,) = volumes_of(Series("uid", "study", "patient", slices, 0))
    return volume


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        # By ImageType, the description being plain.
        ({"image_type": ["DERIVED", "SECONDARY", "AXIAL", "MIP"]}, "a projection (MIP)"),
        ({"image_type": ["DERIVED", "PRIMARY", "VOLUME", "MAX_IP"]}, "a projection (MIP)"),
        ({"image_type": ["DERIVED", "SECONDARY", "REFORMATTED", "MIN IP"]}, "a projection (MinIP)"),
        ({"image_type": ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]}, "an average"),
        ({"image_type": ["DERIVED", "PRIMARY", "AXIAL", "SUBTRACTION"]}, "a subtraction"),
        ({"image_type": ["DERIVED", "PRIMARY", "AXIAL", "VMI"]}, "virtual monoenergetic"),
        ({"image_type": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM7 SPI MONO"]}, "virtual monoenergetic"),
        ({"image_type": ["DERIVED", "PRIMARY", "AXIAL", "MAT_REMOVED"]}, "virtual non-contrast"),
        ({"image_type": ["DERIVED", "PRIMARY", "AXIAL", "MAT_SPECIFIC"]}, "an iodine map"),
        ({"image_type": ["DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM"]}, "atomic numbers"),
        ({"image_type": ["DERIVED", "SECONDARY", "OTHER", "CSA MPR"]}, "a reformatted series"),
        ({"image_type": ["DERIVED", "SECONDARY", "REFORMATTED"]}, "a reformatted series"),
        ({"image_type": ["DERIVED", "SECONDARY", "PERFUSION", "MTT"]}, "perfusion"),
        # By the description, ImageType claiming an original.
        ({"description": "PV MIP 10x2.5"}, "a projection (MIP)"),
        ({"description": "ThinMIP PV"}, "a projection (MIP)"),
        ({"description": "PV MinIP 8mm"}, "a projection (MinIP)"),
        ({"description": "PV 10mm Average"}, "an average"),
        ({"description": "Subtraktion PV-nativ"}, "a subtraction"),
        ({"description": "Art - Nat"}, "a subtraction"),
        ({"description": "Difference PV nativ"}, "a subtraction"),
        ({"description": "VNI PV"}, "virtual non-contrast"),
        ({"description": "PV GSI 65"}, "virtual monoenergetic"),
        ({"description": "PV GSI QC"}, "virtual monoenergetic"),
        ({"description": "PV CaSupp 50"}, "atomic numbers"),
        ({"description": "ECV map"}, "atomic numbers"),
        ({"description": "Leber Fettkarte"}, "atomic numbers"),
        ({"description": "Permeability PV"}, "perfusion"),
        ({"description": "ALP map"}, "perfusion"),
        ({"description": "PV synthetic"}, "a synthetic picture"),
        ({"description": "PV registered"}, "images moved onto others"),
        ({"image_type": ["DERIVED", "SECONDARY", "AXIAL", "DENSITY_MAP"]}, "atomic numbers"),
        ({"image_type": ["DERIVED", "PRIMARY", "AXIAL", "CALCIUM_SUPP"]}, "atomic numbers"),
        ({"description": "减影 门脉期"}, "a subtraction"),
        ({"description": "Jodkarte PV"}, "an iodine map"),
        ({"description": "PV 碘图"}, "an iodine map"),
        ({"description": "Iodine(Water) PV"}, "an iodine map"),
        ({"description": "PV LiverVNC 3.0"}, "virtual non-contrast"),
        ({"description": "PV virtuell nativ"}, "virtual non-contrast"),
        ({"description": "PV Monoenergetic Plus 50 keV"}, "virtual monoenergetic"),
        ({"description": "PV 40keV"}, "virtual monoenergetic"),
        ({"description": "GSI Mono 70 PV"}, "virtual monoenergetic"),
        ({"description": "PV Z Effective"}, "atomic numbers"),
        ({"description": "PV Electron Density"}, "atomic numbers"),
        ({"description": "Liver perfusion PV"}, "perfusion"),
        ({"description": "Arterial enhancement fraction"}, "perfusion"),
        ({"description": "CT WB AC 3.0"}, "attenuation correction"),
        ({"description": "PV LWS 2.0"}, "a lung or bone reconstruction"),
        ({"description": "portal venous spine 1.5"}, "a lung or bone reconstruction"),
        ({"description": "PV B_Sn140kV"}, "one energy"),
        ({"description": "PV BoneRemoval"}, "without bones"),
        ({"description": "PV VRT"}, "a volume rendering"),
        ({"description": "SURESubtraction PV"}, "a subtraction"),
        ({"description": "PV GSI MD Fat(Water)"}, "an iodine map"),
        ({"description": "Fused PV"}, "a fused or coloured picture"),
        ({"description": "PreMonitoring PV"}, "a bolus-tracking series"),
        ({"description": "PV MPR ax 1.5"}, "a reformatted series"),
        # By the plane.
        ({"orientation": CORONAL}, "coronal slices"),
        ({"orientation": SAGITTAL, "image_type": ["DERIVED", "SECONDARY"]}, "sagittal slices"),
        # By RescaleType.
        ({"rescale_type": "MGML"}, "RescaleType MGML"),
        ({"rescale_type": "Z_EFF"}, "RescaleType Z_EFF"),
        ({"rescale_type": "MG/ML IODINE"}, "RescaleType unknown"),
        # By the kernel.
        ({"kernel": "B70f"}, "a lung or bone kernel"),
        ({"kernel": "Bl64f 3"}, "a lung or bone kernel"),
        ({"kernel": "BONEPLUS"}, "a lung or bone kernel"),
        ({"kernel": "FC52"}, "a lung or bone kernel"),
        ({"kernel": "YC"}, "a lung or bone kernel"),
        ({"kernel": "B_VSHARP_C"}, "a lung or bone kernel"),
        ({"description": "PV 1.0 I70f 2"}, "a lung or bone kernel"),
        ({"description": "PV Lungenfenster"}, "a lung or bone reconstruction"),
        ({"description": "PV 肺窗"}, "a lung or bone reconstruction"),
    ],
)
def test_what_is_made_of_plain_images_is_doubted(tags: dict[str, Any], sentence: str) -> None:
    (volume,) = with_kinds([volume_with(**tags)])
    assert sentence in "; ".join(volume.doubts)


@pytest.mark.parametrize(
    "tags",
    [
        {"kernel": "I30f 3"},
        {"kernel": "Br40d 2"},
        {"kernel": "STANDARD"},
        {"kernel": "B"},
        {"kernel": "FC08"},
        {"kernel": "Qr40"},
        {"kernel": "of a new maker"},
        {"description": "PV 1.0 iDose (4)"},
        {"description": "PV ASIR-V 50%"},
        {"description": "PV SAFIRE ADMIRE 3"},
        {"description": "PV TrueFidelity DLIR-M"},
        {"description": "PV AIDR 3D"},
        {"description": "PV 0.6 for MPR"},
        {"description": "PV thin zur MPR/MIP"},
        {"description": "CT Lunge Leber PV", "kernel": "B30f"},
        {"description": "DE_Abdomen PV F_0.5"},
        {"description": "Dynamic liver PV"},
        {"description": "PV 100kV"},
        {"description": "Nativ-Art-PV"},
        {"description": "GSI Liver PV 5.0"},
        {"description": "PV post PEI"},
        {"description": "PV Synthesematerial"},
        {"image_type": ["DERIVED", "PRIMARY", "AXIAL"]},
        {"image_type": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]},
        {"image_type": ["ORIGINAL", "PRIMARY", "AXIAL", "HELIX"]},
        {"rescale_type": "HU"},
        {"rescale_type": "US"},
    ],
)
def test_ordinary_images_are_used_without_a_word(tags: dict[str, Any]) -> None:
    kind = kind_of(volume_with(**{"description": "PV", **tags}))
    assert (kind.doubts, kind.notes) == ((), ())


@pytest.mark.parametrize(
    "tags",
    [
        {"description": "LIVER PV MIP 2.5"},
        {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]},
        {"ConvolutionKernel": ["Bl64f", "3"]},
        {"RescaleType": "MGML"},
        {"orientation": CORONAL},
    ],
)
def test_more_slices_do_not_make_a_phase_of_derived_images(
    tags: dict[str, Any], tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", description="LIVER PV 5.0", number=1), tmp_path / "tree")
    options = {"description": "LIVER PV 2.5", "spacing_mm": THIN_MM, "start": START["pv"], **tags}
    save(make_series(abdomen_hu("pv", THIN), series="other", number=2, **options), tmp_path / "tree")
    rows = by_number(series_rows())
    assert {number: row["use"] for number, row in rows.items()} == {"1": "yes", "2": "no"}
    assert f"same phase as {rows['1']['series']}, which has" in rows["2"]["problems"]


def test_derived_alone_is_used_only_after_the_table_says_so(tmp_path: Path) -> None:
    save(phase_series("pv", description="PV MIP"), tmp_path / "tree")
    summary = import_tree(tmp_path / "tree", tmp_path / "raw")
    assert summary.written == ()
    table = summary.table
    table.write_text(table.read_text().replace(",no,", ",yes,"))
    assert import_tree(tmp_path / "tree", tmp_path / "raw", series_table=table).written == ("patient_001",)


def test_image_computed_from_others_is_used_but_told(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", description="PV", ImageType=["DERIVED", "SECONDARY", "AXIAL"]), tmp_path / "tree")
    (row,) = series_rows()
    assert row["use"] == "yes"
    assert "DERIVED SECONDARY" in row["problems"]


def test_slab_among_derived_series_is_known_by_its_thickness() -> None:
    derived = ("DERIVED", "SECONDARY", "AXIAL")
    (doubt,) = kind_of(volume_with(image_type=derived, thickness_mm=10.0)).doubts  # 4 steps of 2.5 mm
    assert "a thick slab" in doubt
    assert kind_of(volume_with(image_type=derived, thickness_mm=5.0)).doubts == ()  # overlapping slices


def test_time_points_of_a_perfusion_scan_are_no_phases(tmp_path: Path, series_rows: Rows) -> None:
    # Eight acquisitions 4 s apart, nothing but the times to know them by.
    for number in range(8):
        hu = abdomen_hu("art" if number < 4 else "pv")
        start = f"1001{4 * number:02d}"
        save(make_series(hu, series=str(number), number=number, start=start), tmp_path / "tree")
    rows = series_rows()
    assert {row["use"] for row in rows} == {"no"}
    assert all("one of 8 time points of a dynamic (perfusion) scan" in row["problems"] for row in rows)


def test_phases_beside_a_perfusion_scan_are_used(tmp_path: Path, series_rows: Rows) -> None:
    for number in range(8):
        start = f"0950{4 * number:02d}"
        save(
            make_series(abdomen_hu("art"), series=str(number), number=10 + number, start=start),
            tmp_path / "tree",
        )
    save(phase_series("pv", number=1, description="PV"), tmp_path / "tree")
    assert [row["series_number"] for row in series_rows() if row["use"] == "yes"] == ["1"]


def test_many_reconstructions_of_one_acquisition_are_no_perfusion_scan(
    tmp_path: Path, series_rows: Rows
) -> None:
    # Six reconstructions of one scan of 6 s, each of other slices, so that each begins at another time.
    for number in range(6):
        slices = phase_series("pv", series=str(number), number=number, description="PV 5.0")[number // 2 :]
        for k, item in enumerate(slices, start=number // 2):
            item.AcquisitionTime = f"1002{5 + k * 0.5 + number * 0.1:04.1f}"
        save(slices, tmp_path / "tree")
    rows = series_rows()
    assert not any("perfusion" in row["problems"] for row in rows)
    assert [row["use"] for row in rows].count("yes") == 1


def test_derived_series_does_not_sway_the_plain_ones(tmp_path: Path, series_rows: Rows) -> None:
    # A subtraction named by both its parts was made at the portal scan's time; alone, the voxels say portal.
    save(phase_series("pv", number=1), tmp_path / "tree")
    alone = by_number(series_rows())["1"]
    sub = make_series(abdomen_hu("nc"), series="sub", number=2, description="Sub ART")
    save(sub, tmp_path / "tree")
    assert by_number(series_rows())["1"] | {"problems": ""} == alone | {"problems": ""}


def test_phase_that_derived_images_alone_show_is_said(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("art", number=1, description="ART"), tmp_path / "tree")
    reformatted = ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]
    save(phase_series("pv", number=2, description="PV", ImageType=reformatted), tmp_path / "tree")
    rows = by_number(series_rows())
    assert "no plain series shows pv: to take this one, set use to yes" in rows["2"]["problems"]
    assert rows["1"]["problems"] == ""


def test_two_plain_scans_do_not_speak_against_each_other(tmp_path: Path, series_rows: Rows) -> None:
    for number, start in ((1, "100000"), (2, "100045")):
        series = phase_series("nc", series=str(number), number=number, start=start, description="nativ")
        save(series, tmp_path / "tree")
    assert not any("speaks against" in row["problems"] for row in series_rows())


def test_derived_images_are_not_measured(tmp_path: Path, series_rows: Rows) -> None:
    # A subtraction's voxels look like a plain scan's.
    hu = abdomen_hu("pv") - 60
    save(make_series(hu, description="Subtraction", AcquisitionTime=None), tmp_path / "tree")
    (row,) = series_rows()
    assert "organs" not in row["why"]


def test_plane_is_told_by_geometry_not_by_words() -> None:
    assert kind_of(volume_with(description="PV CAP COR SAG")).doubts == ()
