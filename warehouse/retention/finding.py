"""Describe what verification finds: a place, a broken promise, a number; never a value."""

from dataclasses import dataclass

APPLY = "Run `wasms retention plan`: it ends with the command that deletes."
REPORT = "Find out how this came about before you run `wasms retention apply`; please report it."


@dataclass(frozen=True, slots=True)
class Finding:
    """Describe something that should not be there, or cannot be shown to be right.

    Attributes:
        place: Data set, file of the warehouse, or directory.
        problem: What is wrong there, in words that follow the count.
        remedy: The next step.
    """

    place: str
    problem: str
    count: int = 1
    remedy: str = APPLY

    def __str__(self) -> str:
        return f"{self.place}: {self.count:,} {self.problem}. {self.remedy}"
