"""The one exception for bad input: its text is shown to the user as it is."""


class InputError(ValueError):
    """Say in one sentence which case and file, what was expected, what came, what to do."""

    def __str__(self) -> str:
        """Give the sentence, as a terminal can show it."""
        return printable(super().__str__())


def printable(text: str) -> str:
    """Write signs that steer a terminal, turn the direction of writing or show nothing by their numbers.

    File names and tables come from outside: a name could otherwise clear the screen or end the line.

    >>> printable("case a\\x1b[2J")
    'case a\\\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def is_ctrl_c(error: BaseException) -> bool:
    """Tell whether Ctrl-C stands behind an error: compiled code that it interrupts may raise another one from it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
