"""Find a cohort's cases in whatever form it comes: case folders, file name patterns, a table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

from nnunet_multiphase.cases.case import CaseFolder
from nnunet_multiphase.cases.case_table import scan_table, table_phases
from nnunet_multiphase.cases.cohort import ignored_files, scan_cohort
from nnunet_multiphase.cases.known_sets import told_for_preset
from nnunet_multiphase.cases.layout import Layout
from nnunet_multiphase.cases.layout_scan import scan_layout
from nnunet_multiphase.cases.mask_choice import ONE_MASK, MaskRule
from nnunet_multiphase.cases.named_labels import find_contradicted_labels
from nnunet_multiphase.cases.patient_table import (
    PATIENT_TABLE,
    assign_patients,
    find_patients_alike,
    patient_notes,
)
from nnunet_multiphase.cases.presets import all_presets
from nnunet_multiphase.cases.unmatched_files import list_unmatched
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

_SUCH_AS = {
    "layout": "Layout(image='{case}/{phase}.nii.gz', phase_names={'venous': 'pv'}, lesions='{case}/mask_{phase}.nii.gz')",
    "masks": "MaskRule(several='merge')",
}


@dataclass(frozen=True)
class Inputs:
    """Say in what form a cohort comes; by default as case folders (docs/data.md).

    Attributes:
        layout: How the files are named, in other folders or under other names.
        table: Path of a table of the cases.
        masks: Which mask counts, and which of its labels.
        trust_headers: Also where the layout distrusts them.
    """

    layout: Layout | None = None
    table: Path | None = None
    masks: MaskRule = ONE_MASK
    trust_headers: bool = False

    def __post_init__(self) -> None:
        """Take a table's path as a text, too, and refuse what is of another kind."""
        for name, kind in (("layout", Layout), ("masks", MaskRule)):
            given = getattr(self, name)
            if not isinstance(given, kind) and (given is not None or name == "masks"):
                raise InputError(
                    f"{name} must be {kind.__name__}, such as {_SUCH_AS[name]}, but is {given!r}"
                )
        if self.table is not None and not isinstance(self.table, str | PathLike):
            raise InputError(f"table must be a path, but is {self.table!r}")
        object.__setattr__(self, "table", None if self.table is None else Path(self.table))

    @property
    def phases(self) -> tuple[str, ...]:
        """Give the phases that may be there, in nnU-Net's channel order: of a table those it has a column for."""
        if self.table is not None:
            return table_phases(self.table)
        known = PHASES if self.layout is None else self.layout.phase_names.values()
        return tuple(phase for phase in PHASES if phase in known)

    @property
    def case_folders(self) -> bool:
        """Tell whether each folder of the cohort is a case."""
        return self.layout is None and self.table is None

    @property
    def registered(self) -> bool:
        """Tell whether the phases are aligned already."""
        return self.layout is not None and self.layout.registered


@dataclass(frozen=True)
class Found:
    """What is there: usable cases, a sentence for each problem, files that are not used, what else is worth saying."""

    cases: list[CaseFolder]
    problems: list[str]
    ignored: list[str]
    notes: list[str] = field(default_factory=list)


def find_cases(raw: Path, inputs: Inputs) -> Found:
    """Find the cases of a cohort; no file but tables is opened.

    Args:
        raw: The cohort's folder.
        inputs: Its form.

    Raises:
        InputError: The layout or the table's header cannot be used.
    """
    if inputs.table is not None:
        cases, problems, notes = scan_table(inputs.table, raw, inputs.masks)
        return Found(cases, [*problems, *find_patients_alike(cases, inputs.table)], [], notes)
    if inputs.layout is not None:
        if inputs.layout.distrust and not inputs.trust_headers:
            problem = (
                f"{raw}: this set cannot be used as it is: {inputs.layout.distrust}; correct its files and use --pattern, "
                "or pass --trust-headers if you have done so under the old names"
            )
            return Found([], [problem], [])
        cases, problems, unmatched = scan_layout(raw, inputs.layout, inputs.masks)
        preset = next((name for name, layout in all_presets().items() if layout == inputs.layout), "")
        cases = [_of_preset(case, preset) for case in cases]
        no_liver = cases and all(case.liver is None and case.unused_liver is None for case in cases)
        if inputs.layout.liver and no_liver and not preset:
            problems.append(
                f"the liver pattern {inputs.layout.liver!r} matches no file: correct it, or leave --liver out"
            )
        if preset and not cases and (told := told_for_preset(raw, preset)):
            problems = [f"{raw} {told}"]
        problems += find_contradicted_labels(cases)
        names = {case.name: case.name for case in cases}
        cases, problems = assign_patients(cases, problems, raw / PATIENT_TABLE, names)
        problems = [*problems, *find_patients_alike(cases, raw / PATIENT_TABLE)]
        unmatched = [name for name in unmatched if name != PATIENT_TABLE]
        ignored, notes = list_unmatched(raw, unmatched, cases, problems)
        named = "{patient}" in inputs.layout.image
        notes += patient_notes(raw / PATIENT_TABLE, () if named else cases)
        return Found(cases, problems, ignored, notes)
    cases, problems = scan_cohort(raw, inputs.masks)
    problems = [*problems, *find_patients_alike(cases, raw / PATIENT_TABLE)]
    ignored = ignored_files(raw, cases) if raw.is_dir() else []
    return Found(cases, problems, ignored, patient_notes(raw / PATIENT_TABLE, cases))


def _of_preset(case: CaseFolder, preset: str) -> CaseFolder:
    """Name the preset that says what the labels in a case's masks are."""
    return replace(
        case,
        lesions=case.lesions and replace(case.lesions, preset=preset),
        liver=case.liver and replace(case.liver, preset=preset),
        moving_lesions={phase: replace(files, preset=preset) for phase, files in case.moving_lesions.items()},
    )
