"""Read the user's own words (`--words`), which count before the built-in ones."""

from __future__ import annotations

import re
from pathlib import Path

from nnunet_multiphase.errors import CohortError, InputError
from nnunet_multiphase.phases import PHASES
from nnunet_multiphase.table_text import read_table
from nnunet_multiphase.words.descriptions import OwnWords
from nnunet_multiphase.words.search import LETTER, fold

MEANINGS: tuple[str, ...] = (*PHASES, "none", "derived", "plain", "lesions", "liver", "other")
"""What a word may mean: a phase, no phase; images made of others, or plain ones; and of a mask: lesions, liver, neither."""

_MOST_SIGNS = 60


def read_own_words(path: Path) -> OwnWords:
    """Read a table with the columns meaning and word.

    Args:
        path: One word (or several with blanks) a line; "*" at the end: the word may go on.

    Returns:
        The words.

    Raises:
        InputError: No such file, or not such a table; all wrong lines at once, each in a sentence.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: expected a table with the columns meaning and word")
    found: dict[str, list[str]] = {meaning: [] for meaning in MEANINGS}
    meant: dict[str, str] = {}
    problems = []
    for row in read_table(path, ("meaning", "word")).rows:
        meaning, word = row["meaning"].strip().lower(), " ".join(row["word"].split())
        where = f"{path}, line {row.number}"
        if meaning not in MEANINGS:
            problems.append(f"{where}: expected the meaning {', '.join(MEANINGS)}, found {row['meaning']!r}")
        elif problem := _word_problem(word):
            problems.append(f"{where}: {problem}")
        elif meant.setdefault(fold(word), meaning) != meaning:
            problems.append(f"{where}: {word!r} was said to mean {meant[fold(word)]} before; keep one line")
        elif word not in found[meaning]:
            found[meaning].append(word)
    if problems:
        raise CohortError(problems)
    if not meant:
        raise InputError(f"{path} holds no word: expected lines such as art,AP under the header meaning,word")
    return OwnWords(
        phases={phase: tuple(found[phase]) for phase in PHASES if found[phase]},
        none=tuple(found["none"]),
        derived=tuple(found["derived"]),
        plain=tuple(found["plain"]),
        labels={kind: tuple(found[kind]) for kind in ("lesions", "liver", "other") if found[kind]},
    )


def _word_problem(word: str) -> str:
    if not word:
        return "no word; remove the line"
    if len(word) > _MOST_SIGNS:
        return f"a word of {len(word)} signs: expected a keyword of at most {_MOST_SIGNS}, not a whole description"
    if "*" in word.rstrip("*") or word.endswith("**"):
        return f"{word!r}: expected one * at the end, where the word may go on"
    letters = re.sub(r"[\W_]", "", fold(word))
    one_letter = re.fullmatch(LETTER, fold(word).rstrip("*"))  # "C-" is a word, "C" is not
    if not letters or one_letter or letters.isdigit():
        return (
            f"{word!r}: expected a word of two letters or more (one sign, or numbers alone, occur everywhere)"
        )
    return ""
