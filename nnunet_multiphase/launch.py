"""Run one of nnU-Net's own commands with our names known.

`python -m nnunet_multiphase.launch nnUNetv2_train ...`, for environments whose start-up file is not read
(`pip install --target`, `python -S`); elsewhere the plain command does. Children that a command spawns import
this module again as `__mp_main__`, so they know our names too.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from nnunet_multiphase.autoload import make_findable
from nnunet_multiphase.idle_threads import let_threads_sleep

USAGE = "usage: python -m nnunet_multiphase.launch COMMAND [ARGUMENTS ...]"


def nnunet_commands() -> dict[str, EntryPoint]:
    """Return nnU-Net's installed console commands: name -> entry point, sorted by name."""
    found = {entry.name: entry for entry in entry_points(group="console_scripts")}
    return {name: found[name] for name in sorted(found) if name.startswith("nnUNetv2_")}


def main(arguments: Sequence[str]) -> int | str | None:
    """Run the command named first in `arguments` with the rest as its own.

    Returns:
        What `sys.exit` takes: the command's return value, or 2 for an unknown or missing command.
    """
    commands = nnunet_commands()
    if not commands:
        print("error: nnU-Net's commands are not installed here; run: pip install nnunetv2", file=sys.stderr)
        return 2
    if list(arguments[:1]) in (["-h"], ["--help"]):
        print(f"{USAGE}\nCOMMAND is one of: {', '.join(commands)}")
        return 0
    if not arguments or arguments[0] not in commands:
        asked = f"unknown command {arguments[0]!r}; " if arguments else ""
        print(f"{USAGE}\nerror: {asked}choose one of: {', '.join(commands)}", file=sys.stderr)
        return 2
    let_threads_sleep()
    sys.argv = list(arguments)
    result: int | str | None = commands[arguments[0]].load()()
    return result


if __name__ in ("__main__", "__mp_main__"):
    make_findable()
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
