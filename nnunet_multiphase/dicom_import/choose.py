"""Step 6: decide which volume stands for which phase of a case, and say why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nnunet_multiphase.dicom.kind import PLAIN, Kind, kind_of
from nnunet_multiphase.dicom.volumes import Volume
from nnunet_multiphase.dicom_import.evidence import arterial_lateness
from nnunet_multiphase.dicom_import.examinations import MOST_DAYS, by_session, days_of, perhaps_shifted
from nnunet_multiphase.dicom_import.one_scan import is_continued, is_same_acquisition, times_tell
from nnunet_multiphase.dicom_import.phase import PhaseGuess
from nnunet_multiphase.dicom_import.pseudonyms import Name
from nnunet_multiphase.dicom_import.study_signs import ANOTHER_PHASE_S
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import PHASES

MIN_CONFIDENCE = 0.5
"""Below this a phase is a guess that the user has to make."""

_ANOTHER_ACQUISITION_S = 5.0
_ONE_EXAMINATION_S = 1800.0


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
    kind: Kind = PLAIN
    named: bool = False  # its description names the phase
    late_arterial: float = 0.0  # of arterial volumes: -1 (early) to 1 (late)

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
        if phase == "art":
            _compare_arterial(choices, rivals)
        if not fixed and _without_pieces(choices, rivals):
            continue
        best = fixed[0] if fixed else min(rivals, key=lambda i: _order(choices[i]))
        for i, choice in enumerate(choices):
            if i != best and choice.phase == phase and not choice.volume.blocked:
                remark = _passed_over(choices[best], choice, fixed=bool(fixed))
                choices[i] = replace(choice, use=False, remarks=(*choice.remarks, remark))
        if not fixed:
            others = [choices[i] for i in rivals if i != best]
            choices[best] = _with_rivals(choices[best], others)
    choices = _without_one_scan_twice(choices, corrections)
    choices = _of_one_session(_of_one_day(choices, corrections), corrections)
    return _with_last_resorts(_with_order(choices, corrections), corrections)


def _first_opinion(
    volume: Volume,
    name: Name,
    guess: PhaseGuess | None,
    masks: Mapping[str, Iterable[str]],
    correction: Correction | None,
) -> Choice:
    phase, confidence, why = (guess.phase, guess.confidence, guess.why) if guess else ("", 0.0, "")
    remarks = [f"speaks against it: {guess.conflict}"] if guess and guess.conflict else []
    remarks += [guess.remark] if guess and guess.remark else []
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
        if (
            use
            and guess is not None
            and (confidence < MIN_CONFIDENCE or (guess.conflict and not guess.named))
        ):
            use = False
            remarks.append("phase unclear: set phase and use in the series table")
        elif use and guess is not None and guess.by_voxels and not guess.worded:
            words = f"{guess.open_words}, so that" if guess.open_words else "no word names its phase, which"
            its = " its phase" if guess.open_words else ""
            remarks.append(f"{words}{its} is guessed by brightness and order: look at it")
    return Choice(
        *(
            volume,
            name,
            phase,
            confidence,
            why,
            use,
            tuple(sorted(masks.get(volume.key, ()))),
            tuple(remarks),
        ),
        kind=kind_of(volume),
        named=guess is not None and guess.named and guess.phase == phase,
        late_arterial=arterial_lateness(volume) if phase == "art" else 0.0,
    )


def _without_pieces(choices: list[Choice], rivals: Sequence[int]) -> bool:
    """Use no volume of a phase if the best of them goes on in another series; False where it does not.

    A volume that shows the liver from end to end is no half of a phase, whatever adjoins it, nor is one with a mask doubted.
    """
    best = choices[min(rivals, key=lambda i: _order(choices[i]))]
    whole = best.volume.liver_coverage is not None and best.volume.liver_coverage >= 1
    pieces = [i for i in rivals if is_continued(best.volume, choices[i].volume)]
    if whole or "lesions" in best.masks or not pieces:
        return False
    keys = " and ".join([best.volume.key, *(choices[i].volume.key for i in pieces)])
    for i in rivals:
        choices[i] = replace(
            choices[i],
            use=False,
            remarks=(
                *choices[i].remarks,
                f"{best.phase} seems to be cut in pieces: of {keys} one goes on where the other ends; export them as one "
                "series, or set use to yes for the one that shows enough",
            ),
        )
    return True


# What one volume of a phase may have over another, the gravest first; the higher is used.
_ADVANTAGES: tuple[tuple[str, Callable[[Choice], float]], ...] = (
    ("a lesion mask", lambda choice: "lesions" in choice.masks),
    ("axial slices", lambda choice: choice.kind.axial),
    ("the plain images", lambda choice: not choice.volume.doubts),
    (
        "more of the liver",
        lambda choice: round(choice.volume.liver_coverage or 0.0, 1),
    ),
    ("a phase named in its description", lambda choice: choice.named),
    ("a later arterial phase", lambda choice: choice.late_arterial),
    ("original images (ImageType)", lambda choice: choice.kind.original),
    ("no loss by compression", lambda choice: not any(part.lossy for part in choice.volume.slices)),
    ("a kernel for soft tissue", lambda choice: choice.kind.soft),
    ("a higher confidence", lambda choice: round(choice.confidence, 1)),
    ("more slices", lambda choice: len(choice.volume.slices)),
    ("thinner slices", lambda choice: -round(_step_mm(choice), 2)),
)


def _step_mm(choice: Choice) -> float:
    return choice.volume.grid.spacing_mm[2] if choice.volume.grid else float("inf")


def _order(choice: Choice) -> tuple[float | str, ...]:
    """Sort the volumes of one phase, the best first; what comes after _ADVANTAGES only makes the order definite."""
    start, number = choice.volume.start_s, choice.volume.number
    return (
        *(-float(value(choice)) for _, value in _ADVANTAGES),
        float("inf") if start is None else start,
        float("inf") if number is None else number,
        choice.volume.key,
    )


def _passed_over(best: Choice, other: Choice, *, fixed: bool) -> str:
    key = best.volume.key
    if fixed:
        return f"same phase as {key}, which has the table's choice"
    gains = [name for name, value in _ADVANTAGES if value(best) > value(other)]
    losses = [name for name, value in _ADVANTAGES if value(best) < value(other)]
    # What decided is the first in the order; further gains are said only where nothing speaks the other way.
    if gains:
        return f"same phase as {key}, which has {gains[0] if losses else ' and '.join(gains[:3])}"
    return f"a tie: same phase as {key}, and as good in all that is compared; {_tie_break(best, other, 'that one')}"


def _with_rivals(best: Choice, others: Sequence[Choice]) -> Choice:
    """Say of the volume that is used which others were as good, and which lie so far off that one phase is wrong."""
    remarks = []
    for other in others:
        if _order(best)[: len(_ADVANTAGES)] == _order(other)[: len(_ADVANTAGES)]:
            remarks.append(
                f"a tie: {other.volume.key} is as good in all that is compared; {_tie_break(best, other, 'this one')}"
            )
        apart = _apart_s(best, other)
        both_named = best.named and other.named and best.phase == "nc"  # a plain scan may well be done twice
        if apart is not None and abs(apart) >= ANOTHER_PHASE_S and not both_named:
            when = "later" if apart > 0 else "earlier"
            remarks.append(
                f"speaks against it: {other.volume.key}, acquired {abs(apart):.0f} s {when}, was taken for {best.phase} "
                "too; if one of them is another phase, set phase in the series table"
            )
    return replace(best, remarks=(*best.remarks, *remarks))


def _with_last_resorts(choices: Sequence[Choice], corrections: Mapping[str, Correction]) -> list[Choice]:
    """Say of derived volumes that no other shows their phase, so that the user can take one."""
    shown = {choice.phase for choice in choices if choice.use}
    return [
        replace(
            choice,
            remarks=(
                *choice.remarks,
                f"no plain series shows {choice.phase}: to take this one, set use to yes",
            ),
        )
        if choice.kind.doubts
        and not choice.volume.blocked
        and choice.phase
        and choice.phase not in shown
        and choice.confidence >= MIN_CONFIDENCE
        and choice.volume.key not in corrections
        else choice
        for choice in choices
    ]


def _with_order(choices: Sequence[Choice], corrections: Mapping[str, Correction]) -> list[Choice]:
    """Say of volumes that are used where the phases of one examination were not acquired in their order."""
    used = [choice for choice in choices if choice.use and choice.phase in PHASES]
    result = []
    for choice in choices:
        remarks = []
        for other in used if choice in used and choice.volume.key not in corrections else []:
            apart = _apart_s(choice, other)
            after = PHASES.index(other.phase) - PHASES.index(choice.phase)
            if apart is None or not after or not ANOTHER_PHASE_S <= abs(apart) <= _ONE_EXAMINATION_S:
                continue
            if (after > 0) != (apart > 0):
                when = "later" if apart > 0 else "earlier"
                remarks.append(
                    f"speaks against it: {other.phase} ({other.volume.key}) was acquired {abs(apart):.0f} s {when}; "
                    "if they are named the wrong way round, set phase in the series table"
                )
        result.append(replace(choice, remarks=(*choice.remarks, *remarks)) if remarks else choice)
    return result


def _without_one_scan_twice(choices: Sequence[Choice], corrections: Mapping[str, Correction]) -> list[Choice]:
    """Use neither of two volumes that stand for different phases but are of one acquisition; the table may say which."""
    # Of images made of others the user knows: virtual non-contrast ones may be the only ones without contrast.
    used = [choice for choice in choices if choice.use and not choice.kind.doubts]
    if not times_tell(choice.volume for choice in choices):
        return list(choices)
    result = []
    for choice in choices:
        remarks = [
            f"speaks against it: {other.phase} ({other.volume.key}) is of the same acquisition, by AcquisitionNumber, "
            "AcquisitionTime and place, and one scan is one phase: set phase and use in the series table"
            for other in used
            if choice in used
            and choice.volume.key not in corrections
            and other.phase != choice.phase
            and is_same_acquisition(choice.volume, other.volume)
        ]
        result.append(replace(choice, use=False, remarks=(*choice.remarks, *remarks)) if remarks else choice)
    return result


def _of_one_day(choices: Sequence[Choice], corrections: Mapping[str, Correction]) -> list[Choice]:
    """Use no volumes of several days as one case, unless the table does, and say of others that they are of another day."""
    used = [choice for choice in choices if choice.use]
    if perhaps_shifted([choice.volume for choice in used]):
        first = used[0]
        remark = (
            f"{_in_order(choice.phase for choice in used)} have days of their own but one time of day, as where dates were "
            "shifted series by series; if they are not of one examination, set use in the series table"
        )
        told = () if first.volume.key in corrections else (remark,)
        return [
            replace(choice, remarks=(*choice.remarks, *told)) if choice is first else choice
            for choice in choices
        ]
    result = []
    for choice in choices:
        others = [other for other in used if other is not choice] if choice.phase else []
        day, *days = days_of([choice.volume, *(other.volume for other in others)])
        apart = [(day - other, k) for k, other in enumerate(days) if day is not None and other is not None]
        far = {k: count for count, k in apart if abs(count) > MOST_DAYS}
        # Of what is not used only what lies far from all that is.
        if far and choice.volume.key not in corrections and (choice.use or len(far) == len(others)):
            remark = _other_day([others[k].phase for k in far], min(far.values(), key=abs))
            choice = replace(choice, use=False, remarks=(*choice.remarks, remark))
        result.append(choice)
    return result


def _other_day(phases: Sequence[str], days: int) -> str:
    return (
        f"speaks against it: acquired {abs(days)} days {'after' if days > 0 else 'before'} {_in_order(phases)}, and a case "
        "is one examination: set use to yes in the series table for the series of one, or give each examination a "
        "StudyInstanceUID of its own"
    )


def _in_order(phases: Iterable[str]) -> str:
    return ", ".join(sorted(phases, key=PHASES.index))


def _of_one_session(choices: Sequence[Choice], corrections: Mapping[str, Correction]) -> list[Choice]:
    """Say of volumes that are used where they were acquired hours from the others: there may be an intervention between."""
    used = [choice for choice in choices if choice.use]
    volumes = [choice.volume for choice in used]
    main, *others = by_session(volumes) or [[]]
    if perhaps_shifted(volumes) or all(volume.key in corrections for volume in volumes):
        return list(choices)
    remarks = {}
    for choice in (used[n] for group in others for n in group):
        apart = _apart_s(used[main[0]], choice) or 0.0
        remarks[id(choice)] = (
            f"acquired {abs(apart) / 3600:.1f} h {'after' if apart > 0 else 'before'} {used[main[0]].phase}: if it is of "
            "another examination, or something was done between them, set use to no in the series table"
        )
    return [
        replace(choice, remarks=(*choice.remarks, remarks[id(choice)])) if id(choice) in remarks else choice
        for choice in choices
    ]


def _tie_break(best: Choice, other: Choice, which: str) -> str:
    apart = _apart_s(best, other)
    reason = "was acquired first" if apart else "comes first by its number"
    return f"{which} is used because it {reason}; to change that, set use in the series table"


def _apart_s(first: Choice, second: Choice) -> float | None:
    a, b = first.volume.start_s, second.volume.start_s
    return None if a is None or b is None else b - a


def _compare_arterial(choices: list[Choice], rivals: Sequence[int]) -> None:
    """Of arterial volumes that neither words nor delays call early or late, count the later acquisitions as later."""
    starts = [start for i in rivals if (start := choices[i].volume.start_s) is not None]
    for i in rivals:
        start = choices[i].volume.start_s
        if (
            choices[i].late_arterial == 0
            and start is not None
            and start - min(starts) >= _ANOTHER_ACQUISITION_S
        ):
            choices[i] = replace(choices[i], late_arterial=0.5)
