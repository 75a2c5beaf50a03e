#!/usr/bin/env python3
"""Make an nnU-Net dataset from raw multi-phase CT: `python setup_dataset.py RAW --dataset-id 501 --name MultiPhaseLiver`.

The same as `nnunet-multiphase setup`; the package has to be installed (`pip install -e .`).
"""

import argparse
import sys

from nnunet_multiphase.cli import setup
from nnunet_multiphase.cli.main import run_command

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="setup_dataset.py", description=setup.HELP)
    setup.add_arguments(parser)
    parser.set_defaults(run=setup.run)
    sys.exit(run_command(parser.parse_args()))
