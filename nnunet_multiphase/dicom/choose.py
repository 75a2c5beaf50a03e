"""Step 6: decide which volume stands for which phase of a case, and say why the others do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnunet_multiphase.dicom.geometry import normal
from nnunet_multiphase.dicom.phase import PhaseGuess
from nnunet_multiphase.dicom.pseudonyms import Name
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.errors import InputError

MIN_CONFIDENCE = 0.5
"""Below this a phase is a guess that the user has to make."""


@dataclass(frozen=True)
class Choice:
    """A volume, the phase it was taken for, and whether it is used: a row of the series table."""

    volume: Volume
    name: Name
    phase: str  # empty: none
    confidence: float
    why: str
    use: bool
    masks: tuple[str, ...]  # kinds of mask that lie on it
    remarks: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything to be said about the volume, the gravest first."""
        return (*self.volume.blocked, *self.volume.doubts, *self.remarks, *self.volume.notes)


@dataclass(frozen=True)
class Correction:
    """What the user's table says of one volume."""

    phase: str
    use: bool


def choose_volumes(
    volumes: Sequence[Volume],
    name: Name,
    guesses: Mapping[str, PhaseGuess],
    masks: Mapping[str, Iterable[str]],
    corrections: Mapping[str, Correction],
) -> list[Choice]:
    """Choose one volume a phase for one case.

    Args:
        volumes: Of one study.
        name: What the study is called.
        guesses: Volume key -> phase guessed.
        masks: Volume key -> kinds of mask on it.
        corrections: Volume key -> what the user's table says; it is followed, and volumes it does not name come last.

    Returns:
        One choice a volume, in their order; at most one volume a phase is used.

    Raises:
        InputError: The table wants what is not possible.
    """
    choices = [
        _first_opinion(volume, name, guesses.get(volume.key), masks, corrections.get(volume.key))
        for volume in volumes
    ]
    for phase in sorted({choice.phase for choice in choices if choice.use}):
        rivals = [i for i, choice in enumerate(choices) if choice.use and choice.phase == phase]
        fixed = [i for i in rivals if choices[i].volume.key in corrections]
        if len(fixed) > 1:
            keys = " and ".join(choices[i].volume.key for i in fixed)
            raise InputError(
                f"case {name.case}: the series table uses {keys} for the phase {phase}: expected one; "
                "set use to no for the others"
            )
        best = fixed[0] if fixed else max(rivals, key=lambda i: (*_rank(choices[i]), -i))
        for i in rivals:
            if i != best:
                reason = "the table's choice" if fixed else _advantage(choices[best], choices[i])
                remark = f"same phase as {choices[best].volume.key}, which has {reason}"
                choices[i] = replace(choices[i], use=False, remarks=(*choices[i].remarks, remark))
    return choices


def _first_opinion(
    volume: Volume,
    name: Name,
    guess: PhaseGuess | None,
    masks: Mapping[str, Iterable[str]],
    correction: Correction | None,
) -> Choice:
    phase, confidence, why = (guess.phase, guess.confidence, guess.why) if guess else ("", 0.0, "")
    remarks = [f"speaks against it: {guess.conflict}"] if guess and guess.conflict else []
    if correction is not None:
        if correction.phase != phase:
            phase, confidence, why, remarks = correction.phase, 1.0, "set in the series table", []
        use = correction.use
        if use and volume.blocked:
            raise InputError(
                f"case {name.case}: the series table uses {volume.key}, which cannot be used "
                f"({'; '.join(volume.blocked)}); set use to no, or repair the DICOM files"
            )
        if use and not phase:
            raise InputError(
                f"case {name.case}: the series table uses {volume.key} but gives no phase: "
                "expected nc, art, pv or dl; fill in the column phase"
            )
    else:
        use = bool(guess) and not volume.blocked and not volume.doubts
        if use and confidence < MIN_CONFIDENCE:
            use = False
            remarks.append("phase unclear: set phase and use in the series table")
    return Choice(
        volume, name, phase, confidence, why, use, tuple(sorted(masks.get(volume.key, ()))), tuple(remarks)
    )


_ADVANTAGES: tuple[str, ...] = (
    "a lesion mask",
    "axial slices",
    "a higher confidence",
    "more slices",
    "thinner slices",
)


def _rank(choice: Choice) -> tuple[float, ...]:
    """Compare two volumes of one phase; the higher is used. The order is that of _ADVANTAGES."""
    grid = choice.volume.grid
    assert grid is not None  # only usable volumes are ranked
    axial = abs(normal(grid.slices[0].orientation or ())[2]) > np.cos(np.radians(35))
    return (
        float("lesions" in choice.masks),
        float(axial),
        round(choice.confidence, 1),
        float(len(grid.slices)),
        -round(grid.spacing_mm[2], 2),
    )


def _advantage(better: Choice, worse: Choice) -> str:
    pairs = zip(_ADVANTAGES, _rank(better), _rank(worse), strict=True)
    return next((name for name, a, b in pairs if a > b), "the earlier acquisition")
