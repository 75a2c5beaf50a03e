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
    lesion_mask,
    make_seg,
    make_series,
    phase_series,
    save,
)

from nnunet_multiphase.dicom.header import Slice
from nnunet_multiphase.dicom.kernels import is_soft, kernel_named, sharp_kernel
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


def by_number(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {row["series_number"]: row for row in rows}


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


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        # The second has twice as many slices and would win by them.
        ({}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, "original images (ImageType)"),
        ({}, {"description": "LIVER 2.5"}, "a phase named in its description"),
        ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "strange"}, "a kernel for soft tissue"),
    ],
)
def test_slices_count_only_among_equals(
    first: dict[str, object], second: dict[str, object], reason: str, tmp_path: Path, series_rows: Rows
) -> None:
    save(phase_series("pv", **{"description": "PV 5.0", "number": 1, **first}), tmp_path / "tree")
    options = {"description": "PV 2.5", "spacing_mm": THIN_MM, "start": START["pv"], **second}
    save(make_series(abdomen_hu("pv", THIN), series="other", number=2, **options), tmp_path / "tree")  # type: ignore[arg-type]
    rows = by_number(series_rows())
    assert (rows["1"]["use"], rows["2"]["use"]) == ("yes", "no")
    assert f"same phase as {rows['1']['series']}, which has {reason}" in rows["2"]["problems"]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("EARLY ARTERIAL", "LATE ARTERIAL"),
        ("Leber früharteriell", "Leber spätarteriell"),
        ("动脉早期", "动脉晚期"),
        ("ABD ART 20s", "ABD ART 35s"),
        ("ARTERIAL", "ARTERIAL"),  # by their times alone
    ],
)
def test_late_arterial_is_used_before_early(early: str, late: str, tmp_path: Path, series_rows: Rows) -> None:
    hu = abdomen_hu("art", THIN)
    save(
        make_series(hu, series="early", number=1, description=early, start="100115", spacing_mm=THIN_MM),
        tmp_path / "tree",
    )
    save(phase_series("art", number=2, description=late), tmp_path / "tree")  # 15 s later, half the slices
    rows = by_number(series_rows())
    assert (rows["1"]["use"], rows["2"]["use"]) == ("no", "yes")
    assert "which has a later arterial phase" in rows["1"]["problems"]


def test_tie_is_told_on_both_sides(tmp_path: Path, series_rows: Rows) -> None:
    for number, start in ((1, "100210"), (2, "100205")):
        series = phase_series("pv", series=str(number), number=number, start=start, description="PV 5.0")
        save(series, tmp_path / "tree")
    rows = by_number(series_rows())
    assert (rows["1"]["use"], rows["2"]["use"]) == ("no", "yes")
    assert f"a tie: same phase as {rows['2']['series']}" in rows["1"]["problems"]
    assert "that one is used because it was acquired first" in rows["1"]["problems"]
    assert f"a tie: {rows['1']['series']} is as good" in rows["2"]["problems"]


def test_tie_within_one_acquisition_is_broken_by_the_number(tmp_path: Path, series_rows: Rows) -> None:
    for number in (7, 3):
        save(phase_series("pv", series=str(number), number=number, description="PV 5.0"), tmp_path / "tree")
    rows = by_number(series_rows())
    assert (rows["3"]["use"], rows["7"]["use"]) == ("yes", "no")
    assert "comes first by its number" in rows["7"]["problems"]


def test_two_acquisitions_of_one_phase_speak_against_each_other(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", number=1, description="PV 5.0"), tmp_path / "tree")
    late = make_series(abdomen_hu("pv"), series="dl", number=2, description="PV 5.0", start="100305")
    save(late, tmp_path / "tree")
    rows = by_number(series_rows())
    (used,) = [row for row in rows.values() if row["use"] == "yes"]
    assert "speaks against it" in used["problems"]
    assert "60 s later, was taken for pv too" in used["problems"]


def test_names_against_the_order_of_the_phases_are_told(tmp_path: Path, series_rows: Rows) -> None:
    for number, (phase, name) in enumerate({"art": "LIVER PORTAL VENOUS", "pv": "LIVER ARTERIAL"}.items()):
        save(phase_series(phase, number=number, description=name), tmp_path / "tree")
    rows = {row["phase"]: row for row in series_rows()}
    for phase, other, when in (("art", "pv", "earlier"), ("pv", "art", "later")):
        assert f"speaks against it: {other} (" in rows[phase]["problems"]
        assert f"was acquired 35 s {when}" in rows[phase]["problems"]


def test_mask_outweighs_everything_but_the_kind(tmp_path: Path, series_rows: Rows) -> None:
    save(phase_series("pv", number=1, description="PV 5.0"), tmp_path / "tree")
    mip = phase_series("pv", series="mip", number=2, description="PV MIP")
    thick = phase_series("pv", series="thick", number=3, description="PV", ImageType=["DERIVED", "PRIMARY"])
    save([*mip, *thick, make_seg(mip, {"Tumor": lesion_mask()})], tmp_path / "tree")
    assert by_number(series_rows())["1"]["use"] == "yes"
    save([make_seg(thick, {"Tumor": lesion_mask()})], tmp_path / "tree" / "more")
    rows = by_number(series_rows())
    assert (rows["3"]["use"], rows["1"]["use"]) == ("yes", "no")
    assert "which has a lesion mask" in rows["1"]["problems"]


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


@pytest.mark.parametrize(
    "kernel", ["B10s", "B30f", "B46f", "Br36f 2", "Bv40", "I31f 3", "Qr40", "H31s", "FC08-H", "FC18"]
)
def test_soft_kernels_are_known(kernel: str) -> None:
    assert is_soft(kernel)
    assert sharp_kernel(kernel, "") == ""


@pytest.mark.parametrize(
    "kernel",
    [
        "B50f",
        "B80f",
        "Br59",
        "Bl57d",
        "Hr64",
        "Ur77u",
        "I70f 3",
        "D55f",
        "FC30",
        "FC52",
        "FC81",
        "LUNG",
        "EDGE",
    ],
)
def test_sharp_kernels_are_known(kernel: str) -> None:
    assert sharp_kernel(kernel, "") == "a lung or bone kernel, not a soft one"


@pytest.mark.parametrize("kernel", ["", "DETAIL", "C", "FC21", "FC43", "UB", "7", "new name"])
def test_nothing_is_claimed_of_other_kernels(kernel: str) -> None:
    assert not is_soft(kernel)
    assert sharp_kernel(kernel, "abdomen") == ""


@pytest.mark.parametrize(
    ("description", "kernel"),
    [
        ("Abd 5.0 B30f", "B30f"),
        ("PV 1.0 Br64 3", "Br64"),
        ("PV FC52 1.0", "FC52"),
        ("Ax50 Se60 T12", ""),
        ("CT Abdomen", ""),
    ],
)
def test_kernel_is_read_from_the_description_where_the_tag_is_missing(description: str, kernel: str) -> None:
    assert kernel_named("", description) == kernel


def test_plane_is_told_by_geometry_not_by_words() -> None:
    assert kind_of(volume_with(description="PV CAP COR SAG")).doubts == ()
