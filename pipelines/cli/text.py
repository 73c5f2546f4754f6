"""Define `wasms text`: show what of a text would be stored, and measure that on labelled texts."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from anonymizers.text.evaluate import Evaluation, Labelled, evaluate, labelled_texts, masks_in
from anonymizers.text.scrubber import Mask
from pipelines.cli.options import HomeOption, home_at
from pipelines.cli.report import OUT, bare_table, right, stages
from pipelines.declarations.recognizers import text_scrubber
from pipelines.pages import write_page
from warehouse.progress import Progress

_Answer = TypeVar("_Answer")

app = typer.Typer(help="Try and measure the anonymizer of free text.", no_args_is_help=True)

_AT_ONCE = 256
_SHOWN = 100
_MASKED = "black on yellow"
# Why something is masked, by what the mask reads.
_REASONS = {
    "<WORD>": "not a common word of the text's language",
    "<NAME>": "a name, or a word with a capital that may be one",
    "<PLACE>": "a place",
    "<NUMBER>": "three digits and more, or groups of digits",
    "<ID>": "letters and digits in one, or a token",
    **dict.fromkeys(
        ("<HEALTH>", "<RELIGION>", "<SEXUALITY>", "<UNION>", "<POLITICS>", "<ORIGIN>", "<DEBT>"),
        "a word that labels everybody who got it",
    ),
}


class Reference(StrEnum):
    """Another anonymizer to measure beside our own."""

    PRESIDIO = "presidio"


@dataclass(frozen=True, slots=True)
class Measured:
    """One scrubber on the labelled texts."""

    name: str
    evaluation: Evaluation
    texts_per_second: float


@app.command("try")
def try_command(
    text: Annotated[
        str | None, typer.Argument(help="The text. Default: lines of standard input.", show_default=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Show what would be stored of a text, and why each part is masked. Keeps nothing."""
    lines = [text] if text is not None else [line.rstrip("\n") for line in sys.stdin]
    scrubber = text_scrubber(home_at(home).recognizers_path)
    stored = scrubber.scrub(lines)
    for line, masks, answer in zip(lines, scrubber.masks(lines), stored, strict=True):
        OUT.print(_marked(line, masks), soft_wrap=True)
        OUT.print(answer, style="green", markup=False, highlight=False, soft_wrap=True)
        table = bare_table()
        for mask in masks or ():
            table.add_row(Text(mask.name), Text(line[mask.start : mask.end]), _reason(mask.name))
        if masks is None:
            table.add_row(Text(answer), "", "too long, not readable, or a detector gave up on it")
        OUT.print(table)


@app.command("evaluate")
def evaluate_command(
    labelled: Annotated[
        Path,
        typer.Argument(
            help="Labelled synthetic texts (JSON, as presidio-research writes it).",
            exists=True,
            dir_okay=False,
        ),
    ],
    against: Annotated[
        Reference | None, typer.Option(help="Measure this in the same run as well.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="HTML page to write. It quotes the texts that were missed.", dir_okay=False),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Measure what is stored of labelled texts: recall, precision, harmless words kept, speed."""
    texts = labelled_texts(labelled.read_bytes())
    scrub = text_scrubber(home_at(home).recognizers_path).scrub
    with stages() as stage:
        measured = [_measured("release rule", texts, scrub, masks_in, stage)]
        if against is Reference.PRESIDIO:
            from anonymizers.text.presidio_baseline import PresidioBaseline

            masks = PresidioBaseline().masks
            measured.append(_measured("Presidio as it comes", texts, masks, lambda _, found: found, stage))
    _print(measured)
    if report is not None:
        write_page(report, "text.html.j2", now=datetime.now(UTC), measured=measured, shown=_SHOWN)
        OUT.print(f"Written: {report}", highlight=False, soft_wrap=True)


def _measured(
    name: str,
    texts: Sequence[Labelled],
    answers_to: Callable[[Sequence[str]], Sequence[_Answer]],
    as_masks: Callable[[str, _Answer], Sequence[Mask] | None],
    progress: Progress,
) -> Measured:
    """Measure one scrubber on texts by what it answers, without the time it takes to start."""
    answers_to(["warm"])
    found: list[Sequence[Mask] | None] = []
    took = 0.0
    for first in range(0, len(texts), _AT_ONCE):
        progress(name, first, len(texts))
        batch = [labelled.text for labelled in texts[first : first + _AT_ONCE]]
        started = time.process_time()
        answers = answers_to(batch)
        took += time.process_time() - started
        found += map(as_masks, batch, answers)
    progress(name, len(texts), len(texts))
    return Measured(name, evaluate(texts, found), len(texts) / took if took else 0.0)


def _marked(line: str, masks: Sequence[Mask] | None) -> Text:
    marked = Text(line)
    for mask in masks or ():
        marked.stylize(_MASKED, mask.start, mask.end)
    if masks is None:
        marked.stylize(_MASKED)
    return marked


def _reason(name: str) -> str:
    return _REASONS.get(name, "found by a recognizer")


def _print(measured: Sequence[Measured]) -> None:
    table = bare_table("", *(one.name for one in measured))
    rows: tuple[tuple[str, Callable[[Measured], str]], ...] = (
        ("characters of core personal data masked", lambda one: f"{one.evaluation.core:.4f}"),
        ("harmless words kept", lambda one: f"{one.evaluation.kept:.4f}"),
        ("texts per CPU second", lambda one: f"{one.texts_per_second:,.0f}"),
    )
    for what, value in rows:
        table.add_row(what, *(value(one) for one in measured))
    OUT.print(table)
    for one in measured:
        OUT.print()
        numbers = right("labels", "recall", "precision", "F2", "characters")
        table = bare_table("entity", *numbers, title=one.name)
        for entity, score in one.evaluation.scores.items():
            table.add_row(
                entity,
                f"{score.labels:,}",
                f"{score.recall:.3f}",
                _or_dash(score.precision),
                _or_dash(score.f2),
                f"{score.characters:.3f}",
            )
        OUT.print(table)


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
