"""The command as a user runs it, in empty folders of nnU-Net."""

from setup_runs import nnunet_folders, setup_command  # noqa: F401 (fixtures)
