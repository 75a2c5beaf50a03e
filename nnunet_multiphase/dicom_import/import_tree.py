"""Run all steps: a DICOM tree to a cohort of case folders, its series table and its key file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnunet_multiphase.alone import alone
from nnunet_multiphase.dicom.person import Person
from nnunet_multiphase.dicom.regrid import resample_if_irregular
from nnunet_multiphase.dicom.scan import NOBODYS_STUDY, Tree, scan_tree
from nnunet_multiphase.dicom.volumes import Volume, volumes_of
from nnunet_multiphase.dicom_import.case_writer import (
    check_destination,
    leave_out,
    remove_case,
    settle_cases,
    write_case,
    write_patients,
)
from nnunet_multiphase.dicom_import.choose import Choice, Correction
from nnunet_multiphase.dicom_import.choose_in_studies import choose_in_studies
from nnunet_multiphase.dicom_import.join import (
    mixed_cases,
    mixed_patients,
    name_bearers,
    refused_joins,
    same_day_groups,
    worth_joining,
)
from nnunet_multiphase.dicom_import.made_of import (
    InTree,
    Made,
    check_nothing_is_lost,
    read_made_of,
    write_made_of,
)
from nnunet_multiphase.dicom_import.mask_table import (
    MaskCorrection,
    mask_table_path,
    read_mask_table,
    write_mask_table,
)
from nnunet_multiphase.dicom_import.masks import Found, find_layers
from nnunet_multiphase.dicom_import.nobody import perhaps_of_several
from nnunet_multiphase.dicom_import.own_words import read_own_words
from nnunet_multiphase.dicom_import.pseudonyms import (
    Name,
    Study,
    StudyKey,
    name_joined,
    pseudonyms_path,
    read_pseudonyms,
    told_of_order,
    write_pseudonyms,
)
from nnunet_multiphase.dicom_import.remarks import halves_of_joined, remark_on, unused_masks
from nnunet_multiphase.dicom_import.series_page import write_series_page
from nnunet_multiphase.dicom_import.series_table import (
    page_rows,
    read_corrections,
    series_page_path,
    series_table_path,
    write_series_table,
)
from nnunet_multiphase.dicom_import.two_ids import people_under_two_ids
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.words.descriptions import NO_OWN_WORDS


@dataclass(frozen=True)
class _Options:
    """The arguments of `import_tree`, under their names."""

    out: Path
    series_table: Path | None
    mask_table: Path | None
    words: Path | None
    masks_by_planes: bool
    dry_run: bool
    resample_irregular: bool
    join_studies: bool
    with_masks: bool
    compress: bool


@dataclass
class _Told:
    """What an import has to say, in the order it was found."""

    remarks: list[str]
    failures: list[str]


@dataclass(frozen=True)
class Summary:
    """What an import did; no text in it identifies anybody."""

    table: Path
    page: Path
    pseudonyms: Path
    previous_table: Path | None
    previous_mask_table: Path | None
    mask_table: Path | None  # None: no masks in the tree
    written: tuple[str, ...]  # cases
    remarks: tuple[str, ...]
    failures: tuple[str, ...]  # cases that should have been written, files that should have been read
    volumes: Mapping[str, Mapping[str, Volume]] = field(default_factory=dict, repr=False)
    """Written case -> phase -> what it was made from. Identifies, and so is for the run alone: never written."""


def import_tree(
    root: Path | Sequence[Path],
    out: Path,
    *,
    series_table: Path | None = None,
    mask_table: Path | None = None,
    words: Path | None = None,
    masks_by_planes: bool = False,
    dry_run: bool = False,
    resample_irregular: bool = False,
    join_studies: bool = False,
    with_masks: bool = True,
    compress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Summary:
    """Turn a DICOM tree into a cohort that `setup` reads.

    Args:
        root: Folder with DICOM files at any depth, or several that count as one.
        out: Cohort to write: OUT/<case>/{nc,art,pv,dl}.nii.gz, masks, OUT/patients.csv.
        series_table: The user's corrections.
        mask_table: The user's corrections to what masks are and where they lie.
        words: The user's own words, as `read_own_words` takes them.
        masks_by_planes: Let planes decide where masks lie that name images which are not in the tree.
        dry_run: Write the tables and the page of the series only.
        resample_irregular: Bring tilted and unevenly spaced slices to an even grid, instead of refusing them.
        join_studies: Make one case of a patient's studies of one day.
        with_masks: Look for masks; a new patient is predicted without, whoever drew them.
        compress: Write phases as .nii.gz, not .nii, which takes a tenth of the time and twice the space.
        say: Takes a line of progress.

    Returns:
        What was written and what is to be said.

    Raises:
        InputError: Nothing can be read, OUT is not ours, the table does not fit, or another import is at OUT. No case has
            been touched.
    """
    with warnings.catch_warnings():
        # pydicom and highdicom warn of odd values by quoting them, names and dates too.
        warnings.simplefilter("ignore")
        out = Path(os.path.abspath(out))
        out.parent.mkdir(parents=True, exist_ok=True)
        busy = f"{out} is being written by another import right now; wait for it, or choose another OUT"
        with alone(out.with_name(f".{out.name}.lock"), busy):
            options = _Options(
                out=out,
                series_table=series_table,
                mask_table=mask_table,
                words=words,
                masks_by_planes=masks_by_planes,
                dry_run=dry_run,
                resample_irregular=resample_irregular,
                join_studies=join_studies,
                with_masks=with_masks,
                compress=compress,
            )
            roots = [Path(root)] if isinstance(root, str | Path) else [Path(folder) for folder in root]
            return _import_tree(roots, options, say)


def _import_tree(roots: Sequence[Path], options: _Options, say: Callable[[str], None]) -> Summary:
    out = options.out
    known = read_pseudonyms(pseudonyms_path(out))
    check_destination(out, known.values())
    corrections = read_corrections(options.series_table) if options.series_table else {}
    mask_corrections = read_mask_table(options.mask_table) if options.mask_table else {}
    own = read_own_words(options.words) if options.words else NO_OWN_WORDS
    say(f"reading the headers in {', '.join(map(str, roots))}")
    tree = scan_tree(roots)
    say(f"{sum(len(series.slices) for series in tree.series)} images in {len(tree.series)} series")
    studies = _studies(tree)
    joined = name_bearers(studies, known, on_request=options.join_studies)
    names = name_joined(studies, joined, known)
    volumes = _volumes_by_case(tree, joined, resample_irregular=options.resample_irregular)
    everything = [volume for found in volumes.values() for volume in found]
    masks = find_layers(
        tree.masks if options.with_masks else (),
        everything,
        {key: names[key] for key in joined},
        mask_corrections,
        by_planes=options.masks_by_planes,
        own=own.labels,
    )
    _check_tables(options, corrections, mask_corrections, everything, masks)
    told = _Told(list(masks.remarks), list(tree.lost))
    if any(not patient_id and study != NOBODYS_STUDY for patient_id, study in volumes):
        told.remarks.append("studies without PatientID: each counts as a patient of its own")
    told.remarks += halves_of_joined(joined, names, known)
    told.remarks += told_of_order(studies, names)
    told.remarks += mixed_patients(studies, names)
    told.remarks += people_under_two_ids(studies, names)
    told.remarks += refused_joins(studies, joined, names) if options.join_studies else []
    for case, sentence in mixed_cases(studies, joined, names).items():
        masks.tell(case, sentence)
    choices, looks = choose_in_studies(volumes, names, masks.layers, corrections, own, say)
    for case, sentence in perhaps_of_several(choices, names).items():
        masks.tell(case, sentence)
    used_phases = {key: {choice.phase for choice in chosen if choice.use} for key, chosen in choices.items()}
    told.remarks += worth_joining(same_day_groups(studies), joined, names, used_phases)
    everything_chosen = [choice for chosen in choices.values() for choice in chosen]
    previous = write_series_table(series_table_path(out), everything_chosen)
    write_series_page(series_page_path(out), page_rows(everything_chosen, looks))
    told.remarks += [remark for choice in everything_chosen if (remark := remark_on(choice))]
    previous_masks = write_mask_table(mask_table_path(out), masks.rows)
    told.remarks += unused_masks(choices, names, masks)
    written: dict[str, dict[str, Volume]] = {}
    if options.dry_run:
        told.remarks += [sentence for case in sorted(masks.failures) for sentence in masks.failures[case]]
    else:
        in_tree = InTree({volume.key: volume for volume in everything}, {row.mask for row in masks.rows})
        made = read_made_of(out)
        joining = _to_be_joined(out, names, known, made, in_tree)
        write_pseudonyms(pseudonyms_path(out), names)
        settle_cases(out, {**known, **names}.values())
        told.remarks += _remove_joined(out, joining)
        written = _write_cases(choices, names, masks, made, in_tree, options, told, say)
    return Summary(
        table=series_table_path(out),
        page=series_page_path(out),
        pseudonyms=pseudonyms_path(out),
        previous_table=previous,
        previous_mask_table=previous_masks,
        mask_table=mask_table_path(out) if masks.rows else None,
        written=tuple(written),
        remarks=tuple(told.remarks),
        failures=tuple(told.failures),
        volumes=written,
    )


def _volumes_by_case(
    tree: Tree, joined: Mapping[StudyKey, StudyKey], *, resample_irregular: bool
) -> dict[StudyKey, list[Volume]]:
    """Part the series into volumes, under the study that bears their case's name."""
    volumes: dict[StudyKey, list[Volume]] = {}
    for series in tree.series:
        volumes.setdefault(joined[series.patient_id, series.study], []).extend(
            resample_if_irregular(volume, on_request=resample_irregular) for volume in volumes_of(series)
        )
    return volumes


def _write_cases(
    choices: Mapping[StudyKey, Sequence[Choice]],
    names: Mapping[StudyKey, Name],
    masks: Found,
    made: dict[str, list[Made]],
    in_tree: InTree,
    options: _Options,
    told: _Told,
    say: Callable[[str], None],
) -> dict[str, dict[str, Volume]]:
    """Write the case folders that can be written; the others are told as failures.

    Returns:
        Written case -> phase -> what it was made from.
    """
    out = options.out
    written: dict[str, dict[str, Volume]] = {}
    for key in sorted(choices, key=lambda key: names[key].case):
        used = [choice for choice in choices[key] if choice.use]
        case = names[key].case
        try:
            if used and case in masks.failures:
                told.failures += [f"{problem}; the case was not written" for problem in masks.failures[case]]
            elif used:
                empty = masks.empty.get(case, ())
                result = write_case(
                    out,
                    names[key],
                    used,
                    masks.layers,
                    empty,
                    before=made.get(case, ()),
                    tree=in_tree,
                    compress=options.compress,
                )
                made[case] = result.made
                # Without masks it is that no lesion mask is there.
                told.remarks += result.remarks if options.with_masks else []
                written[case] = {choice.phase: choice.volume for choice in used}
                say(f"{case}: {', '.join(sorted(choice.phase for choice in used))}")
            else:
                volumes = [choice.volume for choice in choices[key]]
                sentence, failed = leave_out(out, names[key], volumes, made.get(case, ()), in_tree)
                (told.failures if failed else told.remarks).append(sentence)
        except InputError as error:
            told.failures.append(f"{error}; the case was not written")
        # After every case: without its line a patient's second study would pass for another patient.
        if out.is_dir():
            write_patients(out, names.values())
            write_made_of(out, made)
    return written


def _check_tables(
    options: _Options,
    corrections: Mapping[str, Correction],
    mask_corrections: Mapping[str, MaskCorrection],
    volumes: Sequence[Volume],
    masks: Found,
) -> None:
    """Refuse the user's tables where they name what is not in the tree."""
    keys = {volume.key for volume in volumes}
    wanted = {correction.series for correction in mask_corrections.values()} - {""}
    for table, what, unknown in (
        (options.series_table, "series", set(corrections) - keys),
        (options.mask_table, "masks", set(mask_corrections) - {row.mask for row in masks.rows}),
        (options.mask_table, "series", wanted - keys),
    ):
        if unknown:
            raise InputError(
                f"{table} names {what} that are not in the tree ({', '.join(sorted(unknown)[:5])}); "
                "use the table of this tree, or remove those lines"
            )


def _studies(tree: Tree) -> set[Study]:
    """List the studies; a study's date is the earliest that its series give."""
    dates: dict[StudyKey, str] = {}
    persons: dict[StudyKey, set[Person]] = {}
    for series in tree.series:
        key = (series.patient_id, series.study)
        date = min(part.study_date for part in series.slices)
        dates[key] = min(dates.get(key, date), date)
        # Reports and pictures of other systems are no phase, and are often typed in anew.
        persons.setdefault(key, set()).update(part.person for part in series.slices if part.modality == "CT")
    return {Study(*key, date, frozenset(persons[key])) for key, date in dates.items()}


def _to_be_joined(
    out: Path,
    names: Mapping[StudyKey, Name],
    known: Mapping[StudyKey, Name],
    made: Mapping[str, Sequence[Made]],
    in_tree: InTree,
) -> dict[str, Name]:
    """List the cases of an earlier import whose study is part of another case now: case -> that case.

    Raises:
        InputError: One of the two was made of more than this tree holds: the one would be removed and the other not written.
    """
    kept = {name.case for name in names.values()}
    gone = {name.case: names[key] for key, name in known.items() if name.case not in kept}
    for case in sorted({*gone, *(name.case for name in gone.values())}):
        check_nothing_is_lost(out / case, made.get(case, ()), (), in_tree)
    return gone


def _remove_joined(out: Path, gone: Mapping[str, Name]) -> list[str]:
    """Remove the cases of an earlier import that are part of another now: case -> that case."""
    return [
        f"case {case}: joined to {name.case}; what an earlier import wrote of it was removed"
        for case, name in sorted(gone.items())
        if remove_case(out, Name(name.patient, case))
    ]
