"""`python -m nnunet_multiphase`: the command where its own folder is not on PATH."""

import sys

from nnunet_multiphase.cli.main import main

# Worker processes import this file, too.
if __name__ == "__main__":
    sys.exit(main())
