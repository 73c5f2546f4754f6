"""Define the errors of the pipeline: each names place, reason and next step, never a value."""

from collections.abc import Collection, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path


class PipelineError(Exception):
    """Base of every error a user of the pipeline can cause or mend."""


class UsageError(PipelineError):
    """A command asks for what cannot be asked for."""


class UnknownNameError(UsageError):
    """A command names something that there is not."""

    def __init__(self, kind: str, name: str, known: Collection[str], *, listed_by: str = "") -> None:
        listed = f"`{listed_by}` lists them." if listed_by else f"Known: {', '.join(known)}."
        super().__init__(f"No {kind} named '{name}'. {did_you_mean(name, known) or listed}")


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a sentence that names what is spelt like ``name``; empty if nothing is."""
    spelt = {each.casefold(): each for each in known}
    close = [spelt[each] for each in get_close_matches(name.casefold(), spelt)]
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else ""


class _DeclarationError(PipelineError):
    """A file of declarations does not load: what is wrong with it, each problem, what to do."""

    def __init__(self, wrong: str, problems: Sequence[str], *remedy: str) -> None:
        listed = (f"  {problem}" for problem in problems)
        super().__init__("\n".join([f"{wrong}:", *listed, *remedy]))


class ContractError(_DeclarationError):
    """A contract file does not load."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"pipelines/contracts/{name}.yml is not a valid contract",
            problems,
            f"Correct the file, then run `wasms contract check {name}`.",
        )


class CubeError(_DeclarationError):
    """The declaration of a cube does not load."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"pipelines/cubes/{name}.yml is not a valid cube",
            problems,
            "Correct the file, then run `wasms sync`.",
        )


class MetricError(PipelineError):
    """A metric cannot be read, or a question cannot be answered; says what can be asked."""


class PolicyError(_DeclarationError):
    """`policy.yml` does not load."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            "pipelines/policy.yml is not a valid policy",
            problems,
            "Correct the file, then run `wasms contract check`.",
        )


class RecognizersError(_DeclarationError):
    """A site's own recognizers do not load."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        super().__init__(
            f"{path} does not declare recognizers",
            problems,
            "No text is masked without them, so nothing was loaded. Correct the file, then `wasms text try`.",
        )


class MixedFeedsError(PipelineError):
    """Files of several feeds were named as one."""

    def __init__(self, feeds: Sequence[str]) -> None:
        super().__init__(f"These sources land in different places: {', '.join(feeds)}. Name one of them.")


class NoCheckoutError(PipelineError):
    """A command that writes project files runs outside a checkout."""

    def __init__(self) -> None:
        super().__init__(
            "The package is not installed from a checkout, so there are no project files to write.\n"
            "Run it in a clone, with the .venv that `make demo` makes there."
        )


class SampleError(PipelineError):
    """A sample file cannot be drafted from."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file}: {problem} No contract was drafted.")


class DetectorError(PipelineError):
    """The search for personal data in a sample failed, so that nothing can be suggested."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"Looking for personal data in the sample failed ({kind}), so no contract was drafted.\n"
            "Try again with fewer rows, or without the column with the longest texts."
        )


class MostlyExpiredError(PipelineError):
    """Report a file most of whose rows would be dropped, because they are past their window."""

    def __init__(self, expired: int, read: int, as_of: datetime) -> None:
        super().__init__(
            f"{expired:,} of {read:,} rows are past their retention window on {as_of:%Y-%m-%d} and would be "
            "dropped. The file was not loaded. If the clock (--as-of) is right, add --allow-expired."
        )
