"""Draw which folder imports which, as a matrix, in two states of the repository (docs/images/structure_change.png).

`git worktree add ../before COMMIT; python docs/_ext/structure_matrix.py ../before . docs/images/structure_change.png`

A dot in a row says that the row's folder imports the column's. The order is the one with the fewest dots below the
diagonal: those (red) are imports upwards, which only a circle of folders makes necessary.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ASK = """
import json, sys
import grimp
graph = grimp.build_graph("nnunet_multiphase", "registration", cache_dir=None, exclude_type_checking_imports=True)
def room(module):
    first, *further = module.split(".")
    return further[0] if first == "nnunet_multiphase" and further else first
print(json.dumps(sorted({(room(a), room(b)) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)})))
"""


def imports(root: Path) -> set[tuple[str, str]]:
    """Say who imports whom among the folders of a source tree; single files of the package are left out."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=root, env={"PYTHONPATH": str(root)}, check=True, capture_output=True
    )
    folders = {"registration", *(p.name for p in (root / "nnunet_multiphase").iterdir() if p.is_dir())}
    return {(a, b) for a, b in json.loads(done.stdout) if a != b and {a, b} <= folders}


def in_order(edges: set[tuple[str, str]]) -> list[str]:
    """Order folders so that few import one that stands before them: take away who imports most and is imported least."""
    left, first, last = sorted({name for edge in edges for name in edge}), [], []
    while left:
        inside = {(a, b) for a, b in edges if a in left and b in left}
        top = [n for n in left if not any(b == n for _, b in inside)]
        bottom = [n for n in left if not any(a == n for a, _ in inside)]
        if top:
            first += top[:1]
            left.remove(top[0])
        elif bottom:
            last.insert(0, bottom[0])
            left.remove(bottom[0])
        else:
            pick = max(left, key=lambda n: sum((a == n) - (b == n) for a, b in inside))
            first.append(pick)
            left.remove(pick)
    return [*first, *last]


def draw(before: Path, after: Path, path: Path) -> None:
    """Draw both matrices side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(15, 7.6))
    for panel, root, title in ((axes[0], before, "before"), (axes[1], after, "after")):
        edges = imports(root)
        names = in_order(edges)
        place = {name: i for i, name in enumerate(names)}
        rows, columns = np.array([(place[a], place[b]) for a, b in sorted(edges)]).T
        upward = columns < rows
        panel.scatter(columns[~upward], rows[~upward], s=46, color="#33557a")
        panel.scatter(columns[upward], rows[upward], s=60, color="#c0392b", marker="s")
        panel.plot([-0.5, len(names) - 0.5], [-0.5, len(names) - 0.5], color="#aaaaaa", linewidth=0.8)
        panel.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), aspect="equal")
        panel.set_xticks(range(len(names)), names, rotation=90)
        panel.set_yticks(range(len(names)), names)
        panel.grid(color="#eeeeee", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.set_title(
            f"{title}: {len(names)} folders, {len(edges)} imports between them, {int(upward.sum())} upwards"
        )
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    draw(*(Path(word).resolve() for word in sys.argv[1:4]))
