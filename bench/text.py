"""Measure our anonymizer of texts against Presidio in one process: CPU seconds, and what each masks.

    python -m bench.text [--labelled pii.json] [--sms sms.tsv] [--access-log access.log] [--repeats 5]

Ours reads every text as the engine has it read: a column, or 250,000 rows of one, at a time, and each
distinct text of it once (of URLs, each distinct part). Presidio (`BatchAnalyzerEngine`, 256 at a time, small
English model) reads a sample, evenly spaced, of the texts as they come. Rates are per text of the stream,
duplicates included for both; `if distinct` is the ratio if Presidio, too, were given each distinct text of a
column once.

Recall is the share of letters and digits of labelled personal data that is masked, of the same texts for
both: all that are labelled by others, `--judged` of those generated here.
"""

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import polars as pl

from anonymizers.text.evaluate import CORE, Labelled, labelled_texts
from anonymizers.text.presidio_baseline import PresidioBaseline
from anonymizers.text.releasing_scrubber import ReleasingScrubber
from anonymizers.text.scrubber import scrubbed
from anonymizers.text.settings import load_settings
from anonymizers.url import scrubbed_urls
from bench.text_hostile import hostile_texts
from bench.text_people import KINDS, lost_people
from bench.text_truth import Coverage, Share, coverage, masked
from bench.text_workloads import IDENTIFYING, MERGED, campaign, error_logs, requests, sms_texts

CHUNK = 250_000
_SLOWEST = 5
_WARM = "Hello John Smith"
# In processes of their own, whose time and peak are their own.
_START_OF_OURS = f"""
import time
from pathlib import Path
from pipelines.declarations.recognizers import text_scrubber
from warehouse.home import Home
scrubber = text_scrubber(Path("nowhere"))
scrubber.scrub([{_WARM!r}])
print(time.process_time())
"""
_PEAK_OF_OURS = f"""
import resource
import polars as pl
from anonymizers.text.scrubber import scrubbed
from bench.text_workloads import campaign
{_START_OF_OURS}
texts = pl.Series([labelled.text for labelled in campaign({CHUNK})])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
scrubbed(texts, scrubber=scrubber)
print(before // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
_START_OF_PRESIDIO = f"""
import logging, time
from anonymizers.text.presidio_baseline import PresidioBaseline
logging.getLogger("presidio-analyzer").disabled = True
PresidioBaseline().masks([{_WARM!r}])
print(time.process_time())
"""


@dataclass(frozen=True)
class Workload:
    """Texts as they come.

    Attributes:
        name: What they are.
        columns: What is scrubbed at once.
        treat: How.
        judged: Texts of them whose personal data is known.
        entities: Which kinds of it count for the recall.
    """

    name: str
    columns: Sequence[pl.Series]
    treat: Callable[..., pl.Series] = scrubbed
    judged: Sequence[Labelled] = ()
    entities: Sequence[str] = IDENTIFYING

    @cached_property
    def texts(self) -> int:
        return sum(map(len, self.columns))

    @cached_property
    def distinct(self) -> int:
        return sum(column.n_unique() for column in self.columns)

    def sample(self, count: int) -> list[str]:
        return pl.concat(self.columns).gather(_spaced(self.texts, count)).to_list()


@dataclass(frozen=True, slots=True)
class Judged:
    """What both mask of the texts whose personal data is known."""

    workload: Workload
    ours: Sequence[Coverage]
    theirs: Sequence[Coverage]

    def shares(self, entities: Sequence[str]) -> tuple[Share, Share]:
        texts = self.workload.judged
        return masked(texts, self.ours, entities=entities), masked(texts, self.theirs, entities=entities)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labelled", type=Path, help="Labelled texts, as presidio-research writes them.")
    parser.add_argument("--sms", type=Path, help="Lines of `label<TAB>text`.")
    parser.add_argument("--access-log", type=Path, help="A log in combined format.")
    parser.add_argument("--sends", type=int, default=1_000_000, help="Generated messages of campaigns.")
    parser.add_argument("--logs", type=int, default=20_000, help="Generated entries of an error log.")
    parser.add_argument("--sample", type=int, default=256, help="Texts of each workload for Presidio.")
    parser.add_argument("--judged", type=int, default=1_000, help="Generated texts to take the recall of.")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    logging.getLogger("presidio-analyzer").disabled = True
    _print_starts(arguments.repeats)
    workloads = list(_workloads(arguments))
    ours, theirs = ReleasingScrubber(load_settings()), PresidioBaseline()
    ours.scrub([_WARM])
    theirs.masks([_WARM])
    print(f"\nMedian of {arguments.repeats}, in turn; Presidio reads {arguments.sample:,} texts of each.\n")
    print(f"{'':43} {'texts per CPU second':>20} {'':7} {'if':>8} {'recall':>17}")
    print(
        f"{'work':20} {'texts':>11} {'distinct':>10} {'ours':>10} {'Presidio':>9}"
        f" {'ratio':>7} {'distinct':>8} {'ours':>8} {'Presidio':>8}"
    )
    judged = [_row(one, ours, theirs, arguments.repeats, arguments.sample) for one in workloads]
    _print_kinds([one for one in judged if one.ours])
    _print_hostile(ours, arguments.repeats)
    if arguments.labelled:
        _print_people(judged[0].workload.judged, ours, theirs)


def _print_starts(repeats: int) -> None:
    """Before anything is loaded here: the peak of a child begins at what its parent holds (getrusage)."""
    with tempfile.TemporaryDirectory() as cache:
        (first,) = _printed_by(_START_OF_OURS, cache)
        starts = [
            [*_printed_by(_START_OF_OURS, cache), *_printed_by(_START_OF_PRESIDIO, cache)]
            for _ in range(repeats)
        ]
        _, before, after = _printed_by(_PEAK_OF_OURS, cache)
    ours, reference = map(statistics.median, zip(*starts, strict=True))
    print(
        f"CPU seconds to the first text: ours {ours:.2f} ({first:.2f} once, when no word lists are kept yet),"
        f" Presidio {reference:.2f}"
    )
    print(
        f"peak memory of ours: {before:.0f} MB with {CHUNK:,} messages, {after:.0f} MB once they are scrubbed"
    )


def _printed_by(program: str, cache: str) -> list[float]:
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
    )
    return [float(number) for number in run.stdout.split()]


def _workloads(arguments: argparse.Namespace) -> Iterator[Workload]:
    if path := _given(arguments.labelled, "labelled texts", "--labelled"):
        texts = labelled_texts(path.read_text("utf-8"))
        column = pl.Series([labelled.text for labelled in texts])
        yield Workload("labelled texts", [column], judged=texts, entities=sorted(CORE))
    if path := _given(arguments.sms, "SMS", "--sms"):
        yield Workload("SMS", [pl.Series(sms_texts(path))])
    if path := _given(arguments.access_log, "paths and referrers", "--access-log"):
        columns = [pl.Series(column, dtype=pl.String) for column in requests(path)]
        yield Workload("paths and referrers", columns, treat=scrubbed_urls)
    yield _generated("campaigns", campaign(arguments.sends), arguments.sends, arguments.judged)
    yield _generated("error logs", error_logs(arguments.logs), arguments.logs, arguments.judged)


def _given(path: Path | None, what: str, option: str) -> Path | None:
    if path is None:
        print(f"{what}: left out, needs {option} PATH")
    return path


def _generated(name: str, stream: Iterable[Labelled], count: int, judged: int) -> Workload:
    columns, kept, wanted, numbered = [], [], set(_spaced(count, judged)), enumerate(stream)
    while chunk := list(islice(numbered, CHUNK)):
        columns.append(pl.Series([labelled.text for _, labelled in chunk]))
        kept += [labelled for number, labelled in chunk if number in wanted]
    return Workload(name, columns, judged=kept)


def _spaced(among: int, count: int) -> list[int]:
    count = min(among, count)
    return [number * among // count for number in range(count)]


def _row(
    workload: Workload, ours: ReleasingScrubber, theirs: PresidioBaseline, repeats: int, sample: int
) -> Judged:
    """Measure one workload and print its row."""
    sampled = workload.sample(sample)
    our_seconds, their_seconds = [], []
    for _ in range(repeats):
        our_seconds.append(
            _cpu(lambda: [workload.treat(column, scrubber=ours) for column in workload.columns])
        )
        their_seconds.append(_cpu(lambda: theirs.masks(sampled)))
    rate = workload.texts / statistics.median(our_seconds)
    reference = len(sampled) / statistics.median(their_seconds)
    texts = [labelled.text for labelled in workload.judged]
    judged = Judged(workload, coverage(texts, ours.masks(texts)), coverage(texts, theirs.masks(texts)))
    recall = " ".join(f"{share.value:8.4f}" for share in judged.shares(workload.entities) if texts)
    print(
        f"{workload.name:20} {workload.texts:11,} {workload.distinct:10,} {rate:10,.0f} {reference:9,.1f}"
        f" {rate / reference:6,.1f}x {rate / reference * workload.distinct / workload.texts:7,.1f}x"
        f" {recall or 'unknown':>17}",
        flush=True,
    )
    return judged


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _print_kinds(judged: Sequence[Judged]) -> None:
    print(f"\n{'recall by kind':20} {'':14} {'characters':>10} {'ours':>8} {'Presidio':>8}")
    for one in judged:
        for entity in dict.fromkeys((*one.workload.entities, *MERGED)):
            ours, theirs = one.shares([entity])
            if ours.of:
                print(
                    f"{one.workload.name:20} {entity:14} {ours.of:10,} {ours.value:8.4f} {theirs.value:8.4f}"
                )


def _print_hostile(ours: ReleasingScrubber, repeats: int) -> None:
    """Each alone, as no column has them: most of what an ordinary text takes alone is the call."""
    texts = dict(hostile_texts())
    took = {name: _milliseconds(ours, text, repeats) for name, text in texts.items()}
    slowest = sorted(took, key=lambda name: took[name], reverse=True)[:_SLOWEST]
    ordinary = _milliseconds(ours, _WARM, repeats)
    print(
        f"\nhostile texts: {len(texts)}, each scrubbed alone; slowest {took[slowest[0]]:.0f} ms CPU,"
        f" median {statistics.median(took.values()):.0f}, an ordinary text {ordinary:.0f}"
    )
    for name in slowest:
        print(f"{name:40} {len(texts[name]):10,} characters {took[name]:8.1f} ms")


def _milliseconds(ours: ReleasingScrubber, text: str, repeats: int) -> float:
    return 1000 * statistics.median(_cpu(lambda: ours.scrub([text])) for _ in range(repeats))


def _print_people(texts: Sequence[Labelled], ours: ReleasingScrubber, theirs: PresidioBaseline) -> None:
    found, lost = lost_people(texts, ours, theirs)
    print(f"\nOf {found:,} PERSON spans of Presidio on the labelled texts, ours masks all but {len(lost):,}:")
    print(f"{'kind':40} {'spans':>6} {'touch a labelled name':>22} {'show a letter of one':>21}")
    for kind in KINDS:
        of_kind = [one for one in lost if one.kind == kind]
        names, shown = sum(one.touches_name for one in of_kind), sum(one.shows_name for one in of_kind)
        print(f"{kind:40} {len(of_kind):6,} {_of(names, len(of_kind)):>22} {_of(shown, len(of_kind)):>21}")
    names, shown = sum(one.touches_name for one in lost), sum(one.shows_name for one in lost)
    print(f"{'all':40} {len(lost):6,} {_of(names, len(lost)):>22} {_of(shown, len(lost)):>21}")


def _of(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.0%})" if whole else "0"


if __name__ == "__main__":
    main()
