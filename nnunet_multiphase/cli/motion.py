"""The option that says how phases may be moved, alike in every command that registers."""

from __future__ import annotations

import argparse

from nnunet_multiphase.alignment.named_registration import MODELS, added_names
from nnunet_multiphase.errors import InputError


def add_registration_model(parser: argparse.ArgumentParser, default: str | None, told: str) -> None:
    """Declare --registration-model.

    Args:
        parser: Of the command.
        default: What it is otherwise.
        told: The same in words.
    """
    parser.add_argument(
        "--registration-model",
        type=_known,
        metavar=f"{{{','.join(MODELS)}}}",
        default=default,
        help="how phases are moved: rigid; deformable: the liver may bend besides, where that stands out of the noise; "
        f"auto: where it does so clearly; or a registration that an installed package adds (default: {told})",
    )


def _known(name: str) -> str:
    """Refuse a registration that there is not."""
    try:
        known = MODELS if name in MODELS else (*MODELS, *added_names())
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if name not in known:
        raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {', '.join(known)})")
    return name
