"""Define what can go wrong with requests of data subjects. No message quotes an identifier."""

from warehouse.errors import WarehouseError


class UnknownIdentifierError(WarehouseError):
    """Report that an identifier cannot be one of a person in the workspace."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Nothing was recorded: {reason}. Check the identifier, its kind and the workspace.")


class SameRequestError(WarehouseError):
    """Report that the same was asked for the same person before, and is still open."""

    def __init__(self, number: str) -> None:
        super().__init__(
            f"Nothing was recorded: request {number} of the same person asks the same and is open. "
            f"`wasms privacy show {number}` says how far it is."
        )
        self.number = number


class NotCorrectableError(WarehouseError):
    """Report that rows of a data set are not corrected on request."""

    def __init__(self, source: str, known: list[str]) -> None:
        super().__init__(
            f"Nothing was recorded: rows of `{source}` are not corrected, because they say what happened, or "
            f"name no such person. A correction is possible in: {', '.join(known)}."
        )


class UnknownRecipientError(WarehouseError):
    """Report that nobody of this name gets data, by the policy."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(
            f"Nothing was recorded: the policy names no such recipient. It names: {', '.join(known)}."
        )


class UnknownPurposeError(WarehouseError):
    """Report that nobody can object to a purpose: the policy declares no such data about the person."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(
            "Nothing was recorded: an objection, and nothing else, may name purposes. Of such a person the "
            f"policy declares: {', '.join(known)}."
        )


class WholeWorkspaceError(WarehouseError):
    """Report that something cannot be asked about a workspace as a whole."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(
            f"Nothing was recorded: about a whole workspace only this can be asked: {', '.join(known)}."
        )


class NotEndedError(WarehouseError):
    """Report that an account has not ended, or that something of it is still there."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"There is no certificate: {reason}.")


class RemainsError(WarehouseError):
    """Report that rows of an erased person are still in the store."""

    def __init__(self, number: str, rows: int) -> None:
        super().__init__(
            f"Request {number}: {rows} row(s) of the person are in the store after their deletion. "
            "Nothing was confirmed. Run `wasms privacy run` again; if it stays, somebody has to look."
        )


class ReceiptError(WarehouseError):
    """Report that a receipt is not what was signed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The receipt could not be confirmed: {reason}.")
