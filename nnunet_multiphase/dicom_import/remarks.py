"""What an import has to tell of its cases, series and masks; no sentence identifies anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnunet_multiphase.dicom_import.choose import Choice
from nnunet_multiphase.dicom_import.masks import Found
from nnunet_multiphase.dicom_import.pseudonyms import Name, StudyKey


def halves_of_joined(
    joined: Mapping[StudyKey, StudyKey], names: Mapping[StudyKey, Name], known: Mapping[StudyKey, Name]
) -> list[str]:
    """Tell of cases of which an earlier import joined studies that are not in this tree."""
    lost = {names[key].case for key in known.keys() - joined.keys()}
    here = {names[key].case for key in joined}
    return [
        f"case {case}: it was joined from several studies, of which some are not in this tree; give them all together"
        for case in sorted(lost & here)
    ]


def remark_on(choice: Choice) -> str:
    """Say of a volume what the user should look at; empty if there is nothing."""
    if not choice.problems:
        return ""
    number = f" (no. {choice.volume.number})" if choice.volume.number is not None else ""
    used = f"used as {choice.phase}" if choice.use else "not used"
    return (
        f"case {choice.name.case}, series {choice.volume.key}{number}, {used}: {'; '.join(choice.problems)}"
    )


def unused_masks(
    choices: Mapping[StudyKey, Sequence[Choice]], names: Mapping[StudyKey, Name], masks: Found
) -> list[str]:
    """Tell of masks on series that are not used; a case whose only lesion masks they are cannot be written."""
    remarks: list[str] = []
    for key, chosen in choices.items():
        case = names[key].case
        kept = any("lesions" in choice.masks for choice in chosen if choice.use)
        for choice in (choice for choice in chosen if choice.masks and not choice.use):
            lost = (
                f"the {' and '.join(choice.masks)} mask on series {choice.volume.key} is lost, because that series "
                "is not used"
            )
            if "lesions" in choice.masks and not kept and choice.volume.modality == "CT":
                masks.tell(
                    case,
                    f"{lost}, and there is no other lesion mask; use it (series table), or set taken_as to no (mask table)",
                )
            else:
                remarks.append(f"case {case}: {lost}")
    return remarks
