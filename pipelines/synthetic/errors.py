"""Define the errors of the generated world."""

from pipelines.declarations.errors import PipelineError


class WorldSpecError(PipelineError):
    """A size is outside what a world can have."""

    def __init__(self, name: str, low: int, high: int | None) -> None:
        limit = f"from {low} to {high}" if high is not None else f"at least {low}"
        super().__init__(f"{name}: must be {limit}. Nothing was written.")


class InboxNotEmptyError(PipelineError):
    """The folder to write to already holds an inbox; two worlds in one would not reconcile."""

    def __init__(self, feed: str) -> None:
        super().__init__(
            f"The output folder already holds files of feed '{feed}'. Nothing was written. "
            "Name another folder or delete that one."
        )
