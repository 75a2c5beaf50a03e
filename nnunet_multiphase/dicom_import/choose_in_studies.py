"""Steps 4 to 6, one study after the other: look at the voxels, guess the phases, choose a volume for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nnunet_multiphase.dicom.kind import with_kinds
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.choose import Choice, Correction, choose_volumes
from nnunet_multiphase.dicom_import.coverage import with_coverage
from nnunet_multiphase.dicom_import.evidence import Enhancement
from nnunet_multiphase.dicom_import.look import Look, look_at, with_look
from nnunet_multiphase.dicom_import.masks import Layer, mask_kinds
from nnunet_multiphase.dicom_import.phase import guess_study
from nnunet_multiphase.dicom_import.pseudonyms import Name, StudyKey
from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.words.descriptions import OwnWords


def choose_in_studies(
    volumes: Mapping[StudyKey, Sequence[Volume]],
    names: Mapping[StudyKey, Name],
    layers: Sequence[Layer],
    corrections: Mapping[str, Correction],
    own: OwnWords,
    say: Callable[[str], None],
) -> tuple[dict[StudyKey, list[Choice]], dict[str, Look]]:
    """Look at each study's volumes, guess their phases and choose.

    Args:
        volumes: Study -> its volumes.
        names: What each study is called.
        layers: The masks that lie on them.
        corrections: Volume key -> what the user's table says.
        own: The user's own words.
        say: Takes a line of progress.

    Returns:
        Study -> a choice a volume, and volume key -> what was seen of it, voxels apart.

    Raises:
        InputError: The table wants what is not possible; all of it is told at once.
    """
    masks = mask_kinds(layers)
    choices: dict[StudyKey, list[Choice]] = {}
    all_looks: dict[str, Look] = {}
    problems: list[str] = []
    for key in sorted(volumes, key=lambda key: names[key].case):
        found = with_kinds(volumes[key], own)
        looks = {volume.key: look_at(volume) for volume in found}
        all_looks |= {volume: look.without_voxels() for volume, look in looks.items()}
        findings = {volume: look.finding for volume, look in looks.items() if look.finding is not None}
        found = [with_look(volume, looks[volume.key]) for volume in found]
        found = with_coverage(found, findings, set(masks))
        with_phase = [volume for volume in found if volume.has_phase]
        guesses = guess_study(with_phase, _enhancement_of(looks), own)
        by_key = {volume.key: guess for volume, guess in zip(with_phase, guesses, strict=True)}
        try:
            choices[key] = choose_volumes(found, names[key], by_key, masks, corrections)
        except InputError as error:
            problems.append(str(error))
        say(f"{names[key].case}: {len(found)} volume(s) looked at")
    if problems:
        raise CohortError(problems)
    return choices, all_looks


def _enhancement_of(looks: Mapping[str, Look]) -> Callable[[Volume], Enhancement | None]:
    return lambda volume: looks[volume.key].enhancement
