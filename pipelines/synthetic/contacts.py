"""Make the contacts of the generated world, as columns."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.synthetic.countries import countries
from pipelines.synthetic.envelopes import filled, lookup, only, shown
from pipelines.synthetic.names import MAIL_DOMAINS, Pool, escaped
from pipelines.synthetic.randomness import NEVER, Flags, Ints, chance, pick, stream
from pipelines.synthetic.spec import WorldSpec
from pipelines.synthetic.stamps import DAY_S, seconds_of
from pipelines.synthetic.workspaces import Workspace

# Share of contacts whose number is of another country than the workspace's.
FOREIGN_SHARE = 0.04
# Share of contacts who go by a user name where the provider sends user ids: their number is in no webhook.
HIDDEN_SHARE = 0.1
# Contacts share a pool three times their number, so that some people are contacts of several workspaces.
POOL_FACTOR = 3
# Of four weeks; in a long period at most so many contacts are new.
NEW_PER_MONTH, DELETED_PER_MONTH = 0.08, 0.006
MOST_NEW = 0.5
_SEGMENTS = ("regulars", "new customers", "students", "families", "weekend shoppers", "dormant")
_TIERS = ("bronze", "silver", "gold")
_SOURCES = ("website", "store", "instagram", "referral", "import")
_NOTES = ("prefers calls after 6 pm", "ask for her daughter", "allergic to nuts", "pays in cash", "")


@dataclass(slots=True)
class Contacts:
    """All contacts, one array per attribute, workspace after workspace.

    ``opted_out_at``, ``deleted_at`` (seconds, `NEVER` where not) and ``phone`` change as days go by.
    """

    workspace: Ints
    country: Ints
    phone: Ints
    first_name: Ints
    last_name: Ints
    language: Ints
    user_number: Ints
    created_at: Ints
    deleted_at: Ints
    opted_out_at: Ints
    changed_at: Ints
    engagement: np.ndarray[tuple[int], np.dtype[np.float64]]
    hides_number: Flags
    profile: pl.Series

    def __len__(self) -> int:
        return len(self.phone)


def make_contacts(
    spec: WorldSpec, pool: Pool, workspaces: tuple[Workspace, ...], languages: tuple[str, ...]
) -> Contacts:
    """Draw the contacts of all workspaces."""
    rng = stream(spec.seed, "contacts")
    country, person = _people(rng, workspaces)
    phone, given, family, language = (np.empty(len(country), dtype=np.int64) for _ in range(4))
    for index, facts in enumerate(countries()):
        of = np.flatnonzero(country == index)
        phone[of] = facts.phones(person[of])
        given[of] = pool.first.indices(index, person[of])
        family[of] = pool.last.indices(index, person[of])
        codes = np.array([languages.index(code) for code in facts.languages])
        language[of] = codes[pick(rng, [*facts.languages.values()], len(of))]
    created, deleted, opted_out = _moments(rng, spec, len(country))
    return Contacts(
        workspace=np.repeat(np.arange(len(workspaces)), [w.size for w in workspaces]),
        country=country,
        phone=phone,
        first_name=given,
        last_name=family,
        language=language,
        user_number=rng.integers(10**17, 9 * 10**17, len(country)),
        created_at=created,
        deleted_at=deleted,
        opted_out_at=opted_out,
        changed_at=np.where(opted_out < NEVER, opted_out, created),
        engagement=rng.gamma(4.0, 0.25, len(country)),
        hides_number=chance(rng, HIDDEN_SHARE, len(country)),
        profile=_profiles(rng, pool, given, family),
    )


def _people(rng: np.random.Generator, workspaces: tuple[Workspace, ...]) -> tuple[Ints, Ints]:
    """Draw the country of each contact, and which of its people it is."""
    by_country = np.zeros(len(countries()), dtype=np.int64)
    for workspace in workspaces:
        by_country[workspace.country_index] += workspace.size
    country, person = (np.empty(int(by_country.sum()), dtype=np.int64) for _ in range(2))
    # One draw without repetition serves all countries: a person's number is unique within each of them.
    smallest = min(c.numbers for c in countries())
    for workspace in workspaces:
        part = slice(workspace.first, workspace.first + workspace.size)
        abroad = chance(rng, FOREIGN_SHARE, workspace.size)
        country[part] = np.where(
            abroad, rng.integers(0, len(countries()), workspace.size), workspace.country_index
        )
        people = min(smallest, POOL_FACTOR * max(int(by_country[workspace.country_index]), workspace.size))
        person[part] = rng.choice(people, workspace.size, replace=False)
    return country, person


def _moments(rng: np.random.Generator, spec: WorldSpec, total: int) -> tuple[Ints, Ints, Ints]:
    """Draw when contacts were created, deleted and opted out; `NEVER` where they were not."""
    start, days = seconds_of(spec.start), spec.days
    born_within = chance(rng, min(MOST_NEW, _in_period(NEW_PER_MONTH, days)), total)
    created = np.where(
        born_within,
        start + rng.integers(0, days * DAY_S, total),
        start - DAY_S - rng.integers(0, 700 * DAY_S, total),
    )
    deleted = np.where(
        chance(rng, _in_period(DELETED_PER_MONTH, days), total),
        start + rng.integers(0, days * DAY_S, total),
        NEVER,
    )
    opted_out = np.where(
        chance(rng, 0.03, total) & ~born_within, start - rng.integers(1, 30 * DAY_S, total), NEVER
    )
    deleted[deleted <= created] = NEVER
    opted_out[opted_out <= created] = NEVER
    return created, deleted, opted_out


def _in_period(monthly: float, days: int) -> float:
    """Return the share that something happens to in ``days``, if ``monthly`` is the share in four weeks."""
    return float(1 - (1 - monthly) ** (days / 28))


def _profiles(rng: np.random.Generator, pool: Pool, given: Ints, family: Ints) -> pl.Series:
    """Return profile names as people choose them, escaped for JSON."""
    style = pick(rng, [60, 24, 6, 4, 6], len(given))
    frame = pl.DataFrame(
        {
            "style": style,
            "first": pool.first.json.gather(given),
            "last": pool.last.json.gather(family),
            "lower": pool.first.json.gather(given).str.to_lowercase(),
            "initial": pool.last.slugs.gather(family).str.head(1),
        }
    )
    styles = (
        "<first> <last>",
        "<first>",
        f"<first> {escaped('🌸')}",
        "<lower>_<initial>",
        "<last> <first>",
    )
    names = (piece for n, text in enumerate(styles) for piece in only(pl.col("style") == n, text))
    return frame.select(pl.concat_str(*names).alias("profile")).to_series()


def emails(contacts: Contacts, pool: Pool, rows: Ints) -> pl.Series:
    """Return e-mail addresses of some contacts; three in ten have none."""
    number = contacts.phone[rows]
    frame = pl.DataFrame(
        {
            "first": pool.first.slugs.gather(contacts.first_name[rows]),
            "last": pool.last.slugs.gather(contacts.last_name[rows]),
            "tail": number % 97,
            "domain": pl.Series(MAIL_DOMAINS).gather(number % len(MAIL_DOMAINS)),
        }
    )
    return shown(filled(frame, "<first>.<last><tail>@<domain>"), number % 10 < 7)


def custom_fields(contacts: Contacts, rows: Ints) -> pl.Series:
    """Return the workspace's own fields of contacts as JSON; some of them say more than they should."""
    number = contacts.phone[rows]
    tables = {
        "segment": _SEGMENTS,
        "loyalty_tier": _TIERS,
        "source": _SOURCES,
        "notes": _NOTES,
    }
    pieces: list[pl.Series] = []
    for place, (key, values) in enumerate(tables.items()):
        texts = [f"{'{' if place == 0 else ','}{json.dumps(key)}:{json.dumps(v)}" for v in values]
        pieces.append(lookup(texts, number // (7 + 11 * place) % len(values)).alias(key))
    born = pl.Series(number % 28 + 1).cast(pl.String).str.zfill(2)
    frame = pl.DataFrame(pieces).with_columns(born=born)
    pattern = "".join(f"<{key}>" for key in tables) + ',"birthday":"1984-06-<born>"}'
    return shown(filled(frame, pattern), number % 5 < 3)


def user_ids(contacts: Contacts, rows: Ints) -> pl.Series:
    """Return business-scoped user ids, e.g. `DE.512345678901234567`."""
    codes = pl.Series([c.code for c in countries()]).gather(contacts.country[rows])
    return filled(pl.DataFrame({"code": codes, "number": contacts.user_number[rows]}), "<code>.<number>")
