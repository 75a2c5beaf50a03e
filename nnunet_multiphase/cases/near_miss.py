"""Say what a file with an unexpected name seems to be, and which name or option would let it be used."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.volumes.volume_file import FORMATS, count_volumes, is_dead_link, volume_stem
from nnunet_multiphase.words.descriptions import phases_named
from nnunet_multiphase.words.labels import likely_kind, mask_kind, meanings_in, read_label

SIDECARS: tuple[str, ...] = (
    *(
        ".json",
        ".txt",
        ".csv",
        ".tsv",
        ".xls",
        ".xlsx",
        ".pdf",
        ".md",
        ".html",
        ".xml",
        ".yaml",
        ".yml",
        ".log",
    ),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".stl", ".obj", ".vtk", ".vtp", ".ply"),
)
"""Endings of notes, pictures and surfaces: they may be named after a phase, and are none."""

MASK_WORDS = re.compile(r"(?<![a-z])(mask|masks|seg|segmentation|label|labels|gt|annotation|roi)(?![a-z])")

_SYSTEM_FOLDERS = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found")


@dataclass(frozen=True)
class Likeness:
    """What a name seems to mean: image, lesions, liver or mask (of something); on which phase, if it says so."""

    kind: str
    phase: str | None
    exact: bool = False  # named as it has to be, but for the ending


def is_system_folder(path: Path) -> bool:
    """Tell a folder that the system or an archive left there, such as __MACOSX."""
    return path.name.lower() in _SYSTEM_FOLDERS


def is_lost_folder(path: Path) -> bool:
    """Tell a link that leads to nothing and is not called as a file: a folder may be meant."""
    called_as_file = path.suffix.lower() in SIDECARS or volume_stem(path) is not None
    return is_dead_link(path) and not called_as_file and not is_system_folder(path)


def is_second_half(entry: Path) -> bool:
    """Tell the .img that belongs to a .hdr, which stands for both."""
    if entry.suffix.lower() != ".img":
        return False
    return any(entry.with_suffix(suffix).is_file() for suffix in (".hdr", ".HDR"))


def exact_name(stem: str) -> Likeness | None:
    """Read a name without its ending: 'liver_pv' is the liver on pv, 'ART' the arterial phase; None: no such name."""
    stem = stem.lower()
    for kind in ("lesions", "liver"):
        if stem.startswith(f"{kind}_"):
            phase = stem[len(kind) + 1 :].removesuffix(".seg")
            return Likeness(kind, phase, exact=True) if phase in PHASES else None
    return Likeness("image", stem, exact=True) if stem in PHASES else None


def likeness(stem: str, folder: str) -> Likeness | None:
    """Guess what a name means by the words in it.

    Args:
        stem: The file's name without its ending.
        folder: The name of its folder, which says nothing about the file.

    >>> likeness("case_001_portal", "case_001")
    Likeness(kind='image', phase='pv', exact=False)
    """
    if (exact := exact_name(stem)) is not None:
        return exact
    rest = _without(stem, folder)
    phases = _phases_in(rest)
    phase = phases[0] if len(phases) == 1 else None
    drawn = MASK_WORDS.search(rest.lower()) or "lesion" in meanings_in(_words(rest))
    # "liver_smoothed" is a mask, "liver_thin_pv" rather a scan.
    kind = mask_kind(_words(rest)) if phases else likely_kind(_words(rest))
    kind = kind or ("mask" if drawn else None)
    if kind is None and phase is None:
        return None
    return Likeness(kind or "image", phase)


def as_channel(stem: str) -> str:
    """Say what helps where a file is called as nnU-Net calls a channel; the empty text: it is not.

    >>> as_channel("case_001_0001").partition(",")[0]
    'it is called as a channel of nnU-Net is'
    >>> as_channel("case_001")
    ''
    """
    if not re.search(r"._\d{4}$", stem):
        return ""
    return (
        "it is called as a channel of nnU-Net is, such as in imagesTs: predict a folder of such files with "
        "nnUNetv2_predict, or make a folder a patient and call each file by its phase (`phases` in dataset.json lists the "
        "channels' phases in order)"
    )


def seems_to_be(path: Path) -> str:
    """Say what a volume file under an unexpected name seems to be and what helps; the empty text: nothing is known.

    Args:
        path: The file, in a case folder; its header may be looked at.
    """
    stem = volume_stem(path) or path.name
    volumes = count_volumes(path)
    if volumes is not None and volumes > 1:
        pattern = f"{{case}}/{_without(path.name, path.parent.name, '{case}')}#{{phase}}"
        numbers = " ".join(f"{phase}={n}" for n, phase in enumerate(PHASES[:volumes]))
        return (
            f"it is a 4D file of {volumes} volumes: if these are the phases, say which is which with setup's --pattern "
            f"'{pattern}' --phase-names {numbers} (each with its number in the file, from 0), or split it into one file per "
            "phase"
        )
    like = likeness(stem, path.parent.name)
    against = _against_mask(_without(stem, path.parent.name))
    if like is None:
        return f"it seems to be a mask {against}, which has no use here: remove it" if against else ""
    if (twin := _namesake(path, like)) is not None:
        if against:
            return f"it seems to be a mask {against}, or what {twin.name} beside it is: remove it"
        return f"it seems to be {_described(like)}, as {twin.name} beside it: remove one of them"
    ending = path.name[len(stem) :]
    if like.kind == "image":
        option = f"setup's {_pattern_option(stem, path, like.phase)}"
        mend = f"rename it to {like.phase}{ending}, or pass {option}"
        if against:
            return f"it may be {like.phase} ({mend}), or a mask {against} (remove it)"
        return f"it seems to be {like.phase}: {mend}"
    target = "<phase>" if like.phase is None else like.phase
    organ = "lesions" if like.kind == "mask" else like.kind
    drawn = " (the phase it is drawn on)" if like.phase is None else ""
    mend = f"rename it to {organ}_{target}{ending}{drawn}, or pass setup's --pattern and --{organ}"
    if against:
        return f"it seems to be a mask {against}: if it holds the lesions, {mend}; else remove it"
    return f"it seems to be {_described(like)}: {mend}"


def _described(like: Likeness) -> str:
    """Call what a name seems to mean by its name."""
    if like.kind == "image":
        return str(like.phase)
    return "a mask" if like.kind == "mask" else f"a mask of the {like.kind}"


def _namesake(path: Path, like: Likeness) -> Path | None:
    """Find the file beside one that is named as the other would have to be; None where there is none."""
    kind = "lesions" if like.kind == "mask" else like.kind
    for beside in sorted(path.parent.iterdir()):
        stem = volume_stem(beside) if beside.is_file() and beside != path else None
        if stem is not None and like.phase and exact_name(stem) == Likeness(kind, like.phase, exact=True):
            return beside
    return None


def _against_mask(name: str) -> str:
    """Say, to follow "a mask", what speaks against a name's being plainly lesions or liver; the empty text: nothing."""
    reading = read_label(_words(name))
    if reading.kind is not None:
        return ""
    if reading.why:
        return f"not plainly of lesions or liver ({reading.why})"
    meanings = meanings_in(_words(name))
    if "liver" in meanings:
        return "not plainly of lesions or liver"  # a lobe, the healthy part
    return "of another structure" if "place" in meanings else ""


def unread_phase(entry: Path, found: Container[object]) -> str:
    """Say what a file or folder that would be passed over seems to be; the empty text: nothing that is looked for.

    Args:
        entry: No volume file, in a case folder.
        found: Kind and phase of what was found in that folder.

    Returns:
        A clause without the path.
    """
    if entry.is_dir():
        return _unread_folder(entry, found)
    name = entry.name.lower()
    stem = name.partition(".")[0]
    if name.endswith(SIDECARS) or (like := likeness(stem, entry.parent.name.lower())) is None:
        return ""
    if (like.kind, like.phase) in found or any(
        (entry.parent / f"{_stem_of(entry)}{e}").exists() for e in FORMATS
    ):
        return ""
    return (
        f"seems to be {_described(like)}, and is no file that can be read here: expected {', '.join(FORMATS[:-1])}; "
        "convert it, or remove it"
    )


def _unread_folder(folder: Path, found: Container[object]) -> str:
    """Say that a folder seems to hold a phase."""
    if is_system_folder(folder):
        return ""
    like = likeness(folder.name, folder.parent.name)
    if like is None or (like.kind, like.phase) in found:
        return ""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    volumes = [path for path in inside if path.is_file() and volume_stem(path) is not None]
    what = like.phase if like.kind == "image" else "a mask"
    if len(volumes) > 1 and like.kind != "image":
        ending = volumes[0].name[len(volume_stem(volumes[0]) or "") :]
        return (
            f"is a folder of {len(volumes)} volumes that seem to be masks, as of so many cases: say where each case's files "
            f"are with setup's --pattern '{{phase}}/{{case}}{ending}' --phase-names PHASE=FOLDER --lesions "
            f"'{folder.name}/{{case}}{ending}' --drawn-on PHASE, and give the folder that holds them as RAW"
        )
    if volumes:
        return (
            f"is a folder that seems to hold {what}: move {folder.name}/{volumes[0].name} up to "
            f"{folder.name.lower()}{volumes[0].name[len(volume_stem(volumes[0]) or '') :]}, or say where the files are with "
            "setup's --pattern, such as '{case}/{phase}/*.nii.gz'"
        )
    if any(path.is_file() and (path.suffix.lower() in (".dcm", ".ima", "")) for path in inside):
        return (
            f"is a folder that seems to hold {what} as DICOM: use `nnunet-multiphase import-dicom`, or say where they "
            "are with setup's --pattern, such as '{case}/{phase}'"
        )
    return ""


def misplaced(folder: Path) -> str:
    """Say where the files are that a case folder lacks; the empty text where nothing is found."""
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if is_system_folder(inner):
            continue
        names = sorted(
            path.name for path in inner.iterdir() if path.is_file() and not path.name.startswith(".")
        )
        if any(volume_stem(Path(name)) is not None for name in names):
            return (
                f"; the files in {inner.name} lie one folder too deep: move them up, or say so with setup's --pattern "
                f"'{{case}}/{inner.name}/{{phase}}.nii.gz' and --lesions"
            )
        if any(name.lower().endswith((".dcm", ".ima")) for name in names):
            return f"; {inner.name} holds DICOM: use `nnunet-multiphase import-dicom`"
    if any(path.name.lower().endswith((".dcm", ".ima")) for path in folder.iterdir()):
        return "; it holds DICOM: use `nnunet-multiphase import-dicom`"
    return ""


def lesions_below(folder: Path) -> str:
    """Say which volume in a folder within a case's seems to be its lesion mask; the empty text: none does."""
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for path in sorted(inner.iterdir()) if not is_system_folder(inner) else ():
            stem = volume_stem(path) if path.is_file() and not path.name.startswith(".") else None
            like = None if stem is None else likeness(stem, folder.name)
            if like is not None and like.kind == "lesions":
                return (
                    f"{inner.name}/{path.name} seems to be one: move it up as lesions_<phase>.nii.gz, or say where the "
                    f"masks are with setup's --pattern '{{case}}/{{phase}}.nii.gz' --lesions '{{case}}/{inner.name}/"
                    f"{_without(path.name, folder.name, '{case}')}' --drawn-on PHASE"
                )
    return ""


def liver_below(folder: Path) -> str:
    """Name the liver in a folder within a case's, as TotalSegmentator writes structures; the empty text: none."""
    found = sorted(
        path
        for path in folder.glob("*/*")
        if path.is_file()
        and (volume_stem(path) or "").lower() == "liver"
        and not is_system_folder(path.parent)
    )
    return found[0].relative_to(folder).as_posix() if found else ""


def flat_pattern(files: Iterable[Path]) -> str:
    """Give the pattern that files without case folders seem to follow, such as {case}_{phase}.nii.gz, or the empty text."""
    for path in files:
        stem = volume_stem(path)
        if stem is None:
            continue
        for sign in "_-.":
            for part in stem.split(sign)[1:]:
                if part.lower() in PHASES:
                    before, _, after = stem.rpartition(f"{sign}{part}")
                    if before and not after:
                        return f"{{case}}{sign}{{phase}}{path.name[len(stem) :]}"
    return ""


def _pattern_option(stem: str, path: Path, phase: str | None) -> str:
    """Write the --pattern (and --phase-names) that would find an image."""
    word = _phase_text(_without(stem, path.parent.name), phase)
    name = _without(path.name, path.parent.name, "{case}")
    names = "" if word in (phase, "") else f" --phase-names {phase}={word} ..."
    return f"--pattern '{{case}}/{name.replace(word, '{phase}', 1) if word else '...'}'{names}"


def _phase_text(text: str, phase: str | None) -> str:
    """Find the piece of a name that says the phase, the shortest one."""
    pieces = re.split(r"([_\-. ])", text)
    spans = [
        "".join(pieces[i:j])
        for n in range(1, len(pieces) + 1)
        for i in range(len(pieces))
        if (j := i + n) <= len(pieces)
    ]
    fitting = [span for span in spans if phase is not None and _phases_in(span) == [phase]]
    return min(fitting, key=len).strip("_-. ") if fitting else ""


def _phases_in(name: str) -> list[str]:
    """List the phases that a name's words say; our own short names count where no other word does (dl is in no language)."""
    words = _words(name)
    return list(phases_named(words)) or [phase for phase in PHASES if phase in words.lower().split()]


def _words(name: str) -> str:
    """Part a file's name at the signs between its words."""
    return re.sub(r"[_\-.]", " ", name)


def _without(stem: str, folder: str, instead: str = "") -> str:
    """Take the case's name, as a word of its own, out of a file's."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(folder)}(?![A-Za-z0-9])", instead, stem) if folder else stem


def _stem_of(entry: Path) -> str:
    return entry.name.partition(".")[0]
