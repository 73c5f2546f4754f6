"""Report the progress of long work to whoever watches."""

from typing import Protocol


class Progress(Protocol):
    """Hear how far long work is: a bar on the screen, or `silent`."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Take note of how many steps of a stage are done, and of how many in all; None: nobody knows yet."""


def silent(*_: object) -> None:
    """Take note of nothing."""
