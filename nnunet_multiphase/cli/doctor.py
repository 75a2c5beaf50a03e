"""`nnunet-multiphase doctor`: is this environment ready, and what to do where it is not."""

import argparse

HELP = "say whether nnU-Net finds us here, which way, and what is missing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")


def run(args: argparse.Namespace) -> int:
    """Print the diagnosis; exit status 0 when training by name would work, else 1."""
    from nnunet_multiphase.doctor import as_json, as_text, examine

    diagnosis = examine()
    print(as_json(diagnosis) if args.json else as_text(diagnosis))
    return 0 if diagnosis.ready else 1
