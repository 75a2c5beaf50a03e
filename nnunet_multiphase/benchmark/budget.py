"""Say how much every training may take: the same number of epochs, or the same time."""

from dataclasses import dataclass

from nnunet_multiphase.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Hold what each training gets: one of both."""

    epochs: int | None = None
    minutes: float | None = None

    def __str__(self) -> str:
        """Write it as it is typed."""
        return f"epochs={self.epochs}" if self.minutes is None else f"minutes={self.minutes:g}"


def parse_budget(text: str) -> Budget:
    """Read "epochs=50" or "minutes=30".

    Raises:
        InputError: It is neither, or not above 0.
    """
    kind, sign, number = text.partition("=")
    try:
        if sign and kind == "epochs" and int(number) > 0:
            return Budget(epochs=int(number))
        if sign and kind == "minutes" and 0 < float(number) < float("inf"):
            return Budget(minutes=float(number))
    except ValueError:
        pass
    raise InputError(
        f"--budget {text}: expected epochs=N or minutes=M with a number above 0, such as epochs=50"
    )
