"""Render what a receipt says as a page for the person who asked, in a language of the service."""

from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field

from pipelines.declarations import strict_yaml
from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import PipelineError
from pipelines.declarations.strict_yaml import Strict
from pipelines.pages import pages
from warehouse.ledger.requests import ERASING

Outcome = Literal["deleted", "corrected", "held"]
Reason = Literal["published_tables", "invoices_and_payments", "legal_hold"]
# Outcome → where a receipt counts such rows.
_COUNTED: Mapping[Outcome, str] = {
    "deleted": "deleted",
    "corrected": "corrected",
    "held": "kept_under_legal_hold",
}


class ReceiptWordsError(PipelineError):
    """Report that the words of a language are not complete."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("pipelines/templates/receipt.yml: " + "; ".join(problems))


class UnknownLanguageError(PipelineError):
    """Report that a page cannot be had in a language."""

    def __init__(self, language: str, known: list[str]) -> None:
        super().__init__(f"There is no page in `{language}`. Choose one of: {', '.join(known)}.")


class Words(Strict):
    """Hold what a page says in one language; every field is needed."""

    titles: dict[Literal["erase", "minor", "correct"], str] = Field(min_length=3)
    asked: str
    done: str
    number: str
    searched: str
    category: str
    rows: dict[Outcome, str] = Field(min_length=3)
    none: str
    kept: str
    reasons: dict[Literal["published_tables", "invoices_and_payments", "legal_hold"], str] = Field(
        min_length=3
    )
    refused: dict[Literal["erase", "minor"], str] = Field(min_length=2)
    told: str
    rights: str
    proof: str
    categories: dict[str, str]


def languages() -> dict[str, Words]:
    """Return the words of each language, by its ISO 639-1 code.

    Raises:
        ReceiptWordsError: They are not complete.
    """
    text = (files("pipelines") / "templates" / "receipt.yml").read_bytes()
    return strict_yaml.parse(text, dict[str, Words], failure=ReceiptWordsError)


def receipt_page(receipt: Mapping[str, Any], *, language: str) -> str:
    """Return the page of a receipt whose signature was checked, as HTML.

    Raises:
        UnknownLanguageError: There are no words in this language.
    """
    known = languages()
    if language not in known:
        raise UnknownLanguageError(language, sorted(known))
    words = known[language]
    counted = {outcome: _by_category(receipt.get(place, ())) for outcome, place in _COUNTED.items()}
    outcomes = [outcome for outcome, rows in counted.items() if rows]
    categories = sorted({category for rows in counted.values() for category in rows})
    kept = [*receipt.get("kept_for_other_reasons", ())]
    kept += ["legal_hold"] if receipt.get("kept_under_legal_hold") else []
    done_at = receipt.get("rows_deleted_at") or receipt.get("corrected_at") or ""
    return (
        pages()
        .get_template("receipt.html.j2")
        .render(
            number=receipt.get("request") or receipt.get("workspace"),
            received_at=receipt.get("received_at"),
            searched_at=receipt.get("searched_at"),
            told=receipt.get("recipients_told", ()),
            language=language,
            words=words,
            title=receipt["kind"],
            is_erasure=receipt["kind"] in ERASING,
            done_on=done_at[:10],
            outcomes=outcomes,
            counted=[(name, [counted[outcome][name] for outcome in outcomes]) for name in categories],
            reasons=[words.reasons[reason].format(k=load_disclosure().minimum_contacts) for reason in kept],
        )
    )


def _by_category(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["category"]] += row["rows"]
    return found
