"""The options that say in what form a cohort of raw cases comes, and what of it goes into a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunet_multiphase.cli.accept import add_accept
from nnunet_multiphase.errors import InputError
from nnunet_multiphase.phases import ON_FAILURE, PHASES, SEVERAL

if TYPE_CHECKING:
    from nnunet_multiphase.cases.inputs import Inputs
    from nnunet_multiphase.dataset.options import DatasetOptions


class _ListPresets(argparse.Action):
    """Name the presets and stop, whatever else is required."""

    def __init__(self, option_strings: list[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from nnunet_multiphase.cases.presets import all_presets

        for name, layout in all_presets().items():
            where = layout.image if layout.index is None else f"as {layout.index.file} says"
            print(f"{name:18} {where}" + (" (registered)" if layout.registered else ""))
            if layout.distrust:
                print(f"{'':18} needs --trust-headers: {layout.distrust}")
        parser.exit()


def add_cohort(parser: argparse.ArgumentParser) -> None:
    """Declare the options beside RAW."""
    parser.add_argument(
        "--missing",
        choices=("error", "skip", "fill"),
        default="error",
        help="a case without one of the phases: stop (default), leave it out, or fill its channel with air",
    )
    parser.add_argument(
        "--phases",
        nargs="+",
        choices=PHASES,
        default=None,
        help="phases that become channels (default: all that the form of the data knows)",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        choices=("liver", "lesion"),
        default=["lesion"],
        help="what the network is to find: lesion (default), or liver lesion, which needs a liver mask on every reference",
    )
    parser.add_argument(
        "--regions",
        action="store_true",
        help="with --labels liver lesion: train on whole liver and lesion, which overlap, instead of on two classes",
    )
    form = parser.add_argument_group("form of the data (default: a folder for each case, see docs/data.md)")
    form.add_argument("--preset", metavar="NAME", help="a public set's layout, see --list-presets")
    form.add_argument("--list-presets", action=_ListPresets, help="name the presets and stop")
    form.add_argument(
        "--pattern",
        metavar="P",
        help="path of a phase below RAW, such as '{case}/{phase}_scan.nii.gz'; * is anything within a name",
    )
    form.add_argument(
        "--phase-names",
        nargs="+",
        metavar="PHASE=NAME",
        help="how the files call a phase, such as nc=0 art=1 pv=2 dl=3 (default: nc art pv dl)",
    )
    form.add_argument(
        "--lesions", metavar="P", help="path of the lesion mask(s), such as '{case}/{phase}_seg.nii.gz'"
    )
    form.add_argument("--liver", metavar="P", help="path of the liver mask")
    form.add_argument(
        "--drawn-on", choices=PHASES, help="phase of the masks, where their paths do not say it"
    )
    form.add_argument(
        "--lesion-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels of the masks that are lesion (default: 1)",
    )
    form.add_argument(
        "--liver-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels that are liver (default: 1); without a liver mask of its own, in the lesions' file",
    )
    form.add_argument(
        "--other-labels",
        nargs="+",
        type=int,
        metavar="N",
        help="labels of something else that may occur in masks",
    )
    form.add_argument(
        "--registered", action="store_true", help="the phases are aligned already: check that, move nothing"
    )
    form.add_argument("--table", type=Path, metavar="CSV", help="a table of cases, paths relative to RAW")
    form.add_argument(
        "--trust-headers", action="store_true", help="use a preset whose headers are known to be wrong"
    )
    parser.add_argument(
        "--reference",
        choices=PHASES,
        help="phase that all others, and the masks, are brought to (default: the masks' phase)",
    )
    parser.add_argument(
        "--several-masks",
        choices=SEVERAL,
        default="error",
        help="lesion masks on several phases of a case: stop (default), unite them once registered, or use the "
        "reference's alone",
    )
    parser.add_argument(
        "--on-failure",
        choices=ON_FAILURE,
        default="check",
        help="a phase whose registration failed: keep it and say so (default), fill it with air, leave the case out, "
        "or take the headers' position",
    )
    parser.add_argument(
        "--no-mask",
        choices=("error", "skip"),
        default="error",
        help="a case without a lesion mask: stop (default), or leave it out",
    )
    parser.add_argument(
        "--test-fraction", type=float, default=0.2, help="share of patients for imagesTs (default 0.2)"
    )
    add_accept(parser)


def dataset_options(args: argparse.Namespace, *, folds: int, seed: int = 0) -> DatasetOptions:
    """Turn the options into what a dataset is to be."""
    from nnunet_multiphase.dataset.options import DatasetOptions
    from nnunet_multiphase.dataset.target_classes import target_classes

    return DatasetOptions(
        cohort_inputs(args),
        missing=args.missing,
        on_failure=args.on_failure,
        phases=None if args.phases is None else tuple(args.phases),
        targets=target_classes(args.labels, regions=args.regions),
        test_fraction=args.test_fraction,
        folds=folds,
        seed=seed,
        accept=tuple(args.accept),
    )


def cohort_inputs(args: argparse.Namespace) -> Inputs:
    """Turn the options into the form of the data."""
    from nnunet_multiphase.cases.inputs import Inputs
    from nnunet_multiphase.cases.layout import Layout
    from nnunet_multiphase.cases.mask_choice import MaskRule
    from nnunet_multiphase.cases.presets import all_presets

    _check_form(args)
    masks = MaskRule(
        args.reference,
        args.several_masks,
        args.no_mask,
        tuple(args.lesion_labels or (1,)),
        tuple(args.liver_labels) if args.liver_labels else None,
        tuple(args.other_labels or ()),
    )
    if args.table is not None:
        return Inputs(table=args.table, masks=masks)
    if args.preset is not None:
        presets = all_presets()
        if args.preset not in presets:
            raise InputError(
                f"--preset {args.preset} is unknown: expected one of {', '.join(presets)}"
                " (for a set of DICOM files, such as HCC-TACE-Seg, `nnunet-multiphase import-dicom` makes case folders)"
            )
        return Inputs(layout=presets[args.preset], masks=masks, trust_headers=args.trust_headers)
    if args.pattern is None:
        return Inputs(masks=masks)
    return Inputs(
        layout=Layout(
            image=args.pattern,
            phase_names=_phase_names(args.phase_names),
            lesions=args.lesions or "",
            # As in case folders and tables: without a mask of its own the liver is in the lesions' file.
            liver=args.liver or (args.lesions if args.liver_labels else "") or "",
            drawn_on=args.drawn_on or "",
            lesion_labels=tuple(args.lesion_labels or (1,)),
            liver_labels=tuple(args.liver_labels or (1,)),
            further_labels=tuple(args.other_labels or ()),
            registered=args.registered,
        ),
        masks=masks,
    )


def _check_form(args: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    labels = {name: getattr(args, name) for name in ("lesion_labels", "liver_labels", "other_labels")}
    for name, values in labels.items():
        if values and min(values) < 1:
            raise InputError(
                f"--{name.replace('_', '-')} {min(values)}: expected labels from 1 on; 0 is background"
            )
    twice = {*(args.other_labels or ())} & {*(args.lesion_labels or (1,)), *(args.liver_labels or ())}
    if twice:
        raise InputError(
            f"--other-labels {min(twice)} is a label of lesions or liver too; take it out of one of them"
        )
    forms = [f"--{name}" for name in ("preset", "pattern", "table") if getattr(args, name) is not None]
    if len(forms) > 1:
        raise InputError(f"{' and '.join(forms)} exclude each other: expected one form of the data")
    of_pattern = ("phase_names", "lesions", "liver", "drawn_on", "registered")
    idle = [f"--{name.replace('_', '-')}" for name in of_pattern if getattr(args, name)]
    of_preset = [f"--{name.replace('_', '-')}" for name, values in labels.items() if values]
    if args.preset is not None and of_preset:
        raise InputError(f"{', '.join(of_preset)}: not with --preset, which knows its labels; leave it out")
    if idle and args.pattern is None:
        raise InputError(f"{', '.join(idle)}: only with --pattern; leave it out or add the pattern")
    if args.trust_headers and args.preset is None:
        raise InputError("--trust-headers: only with --preset; leave it out")


def _phase_names(pairs: list[str] | None) -> dict[str, str]:
    """Read PHASE=NAME pairs: how the files call a phase -> ours."""
    names: dict[str, str] = {}
    for pair in pairs or [f"{phase}={phase}" for phase in PHASES]:
        phase, sign, name = pair.partition("=")
        if not sign or phase not in PHASES or not name or name in names:
            raise InputError(
                f"--phase-names {pair}: expected PHASE=NAME with one of {', '.join(PHASES)} and a name of its own, such as "
                "art=arterial"
            )
        names[name] = phase
    return names
