"""Step 6c: ask whose images are whose headers say neither whose they are nor of which study.

They all count as one study, as nothing tells them apart. That is right for one person's emptied files and mixes phases
where there are several people's, which places alone may show: where the files lie, and where in the scanner.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from nnunet_multiphase.dicom.scan import NOBODYS_STUDY
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.choose import Choice
from nnunet_multiphase.dicom_import.coverage import height_range_mm
from nnunet_multiphase.dicom_import.pseudonyms import Name, StudyKey


def perhaps_of_several(
    choices: Mapping[StudyKey, Sequence[Choice]], names: Mapping[StudyKey, Name]
) -> dict[str, str]:
    """Say why the case of images without any identity cannot be written: case -> sentence; mostly empty.

    Args:
        choices: All volumes, study by study.
        names: What each study is called.
    """
    found = {}
    for key, chosen in choices.items():
        if key[1] == NOBODYS_STUDY and (why := _why_several(chosen)):
            found[names[key].case] = (
                "its images say neither whose they are nor of which study (no PatientID, PatientName, StudyInstanceUID, "
                f"dates), and may be of several people, as {why}; fill in PatientID, one for each person, also where "
                "there is but one"
            )
    return found


def _why_several(chosen: Sequence[Choice]) -> str:
    if _apart([choice.volume for choice in chosen if choice.use]):
        return "phases lie at heights that have nothing in common"
    if _several_folders([choice.volume for choice in chosen if choice.volume.has_phase]):
        return "one of several folders holds several series"
    return ""


def _apart(volumes: Sequence[Volume]) -> bool:
    """Say whether two volumes that should show one liver have no height in common."""
    ranges = [heights for volume in volumes if (heights := height_range_mm(volume)) is not None]
    return len(ranges) > 1 and max(low for low, _ in ranges) > min(high for _, high in ranges)


def _several_folders(volumes: Sequence[Volume]) -> bool:
    """Say whether the files lie as several people's do: folders side by side, one of which holds several series.

    One person's series may lie in a folder each, or all in one. Folders that share a series hang together.
    """
    folders = {volume.key: {part.path.absolute().parent for part in volume.slices} for volume in volumes}
    every = {folder for found in folders.values() for folder in found}
    if len(every) < 2:
        return False
    above = Path(os.path.commonpath(every))
    groups: list[
        tuple[set[tuple[str, ...]], set[str]]
    ] = []  # folders below the common one, and the volumes in them
    for key, found in folders.items():
        branches, keys = {folder.relative_to(above).parts[:1] for folder in found}, {key}
        for group in [group for group in groups if group[0] & branches]:
            groups.remove(group)
            branches, keys = branches | group[0], keys | group[1]
        groups.append((branches, keys))
    return len(groups) > 1 and any(len(keys) > 1 for _, keys in groups)
