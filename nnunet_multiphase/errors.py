"""The one exception for bad input: its text is shown to the user as it is."""


class InputError(ValueError):
    """Say in one sentence which case and file, what was expected, what came, what to do."""
