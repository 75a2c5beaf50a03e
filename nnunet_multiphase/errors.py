"""The one exception for bad input: its text is shown to the user as it is."""


class InputError(ValueError):
    """Say in one sentence which case and file, what was expected, what came, what to do."""


def is_ctrl_c(error: BaseException) -> bool:
    """Tell whether Ctrl-C stands behind an error: compiled code that it interrupts may raise another one from it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
