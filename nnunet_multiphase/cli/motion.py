"""The option that says how phases may be moved, alike in every command that registers."""

import argparse

MODELS = ("rigid", "deformable", "auto")


def add_registration_model(parser: argparse.ArgumentParser, default: str | None, told: str) -> None:
    """Declare --registration-model.

    Args:
        parser: Of the command.
        default: What it is otherwise.
        told: The same in words.
    """
    parser.add_argument(
        "--registration-model",
        choices=MODELS,
        default=default,
        help="how phases are moved: rigid; deformable: the liver may bend besides, where that stands out of the noise; "
        f"auto: where it does so clearly (default: {told})",
    )
