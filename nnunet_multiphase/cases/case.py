"""Hold where the files of one case lie, and put it together from what a folder, a table or a pattern says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnunet_multiphase.cases.mask_choice import MaskChoice
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.mask_file import MaskFiles


@dataclass(frozen=True)
class CaseFolder:
    """Where the files of one case lie; nothing has been opened yet."""

    name: str  # as in the dataset's file names
    path: Path
    patient: str
    images: dict[str, Path]  # phase -> file, in the order of PHASES
    reference: str  # the phase the lesions are drawn on
    lesions: MaskFiles | None
    liver: MaskFiles | None  # on the reference phase
    ignored: tuple[str, ...] = ()  # "file (why)"
    unused_liver: Path | None = (
        None  # on another phase than the reference, so of no use; None if `liver` is there
    )
    moving_lesions: Mapping[str, MaskFiles] = field(
        default_factory=dict
    )  # drawn on other phases, to be brought along

    @property
    def has_lesion_mask(self) -> bool:
        """Tell whether lesions are drawn on any of its phases."""
        return self.lesions is not None or bool(self.moving_lesions)


def assemble_case(
    name: str,
    path: Path,
    images: Mapping[str, Path],
    choice: MaskChoice,
    livers: Mapping[str, MaskFiles],
    *,
    patient: str = "",
    ignored: Sequence[str] = (),
) -> CaseFolder:
    """Put a case together once its reference is chosen.

    Args:
        name: As in the dataset's file names.
        path: Folder of its files.
        images: By phase, in any order.
        choice: Its reference and lesion masks.
        livers: Liver masks by the phase they are drawn on; another phase's than the reference's is of no use.
        patient: Default: the case is its own patient.
        ignored: "file (why)".
    """
    liver = livers.get(choice.reference)
    unused = None if liver is not None else next((mask.paths[0] for mask in livers.values()), None)
    return CaseFolder(
        name,
        path,
        patient or name,
        {phase: images[phase] for phase in PHASES if phase in images},
        choice.reference,
        choice.lesions,
        liver,
        tuple(ignored),
        unused,
        choice.moving,
    )
