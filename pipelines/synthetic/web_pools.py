"""Make the distinct texts of the web: targets, referrers, browsers, log messages.

Their number is modest whatever the traffic, as on a real site: free text is anonymized value by value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from urllib.parse import quote, quote_plus

from pipelines.synthetic.countries import countries
from pipelines.synthetic.data import read
from pipelines.synthetic.names import MAIL_DOMAINS, Pool, slug
from pipelines.synthetic.randomness import stream
from pipelines.synthetic.wording import wording

APP = "https://app.wasms.example"
_PEOPLE = 36


@dataclass(frozen=True, slots=True)
class WebTexts:
    """The texts of `web.yml`; browsers and machines by how common they are."""

    pages: tuple[str, ...]
    app_pages: tuple[str, ...]
    features: list[str]
    browsers: dict[str, float]
    machines: dict[str, float]
    referrers: tuple[str, ...]
    landing_ends: tuple[str, ...]
    other_requests: tuple[str, ...]
    entries: tuple[tuple[str, str, str], ...]
    personal_entries: tuple[tuple[str, str, str], ...]
    failures: dict[str, tuple[str, str, str]]


@cache
def web_texts() -> WebTexts:
    """Read the file once."""
    return read("web", WebTexts)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose data stands where it should not: in a URL or a log message."""

    first: str
    last: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one kind; the first ``plain`` of them name nobody, the others somebody."""

    all: tuple[str, ...]
    plain: int


@dataclass(frozen=True, slots=True)
class WebPools:
    """All distinct texts."""

    requests: Texts
    referrers: Texts
    pages: Texts
    landings: Texts
    entries: Texts


def make_web_pools(seed: int, pool: Pool) -> WebPools:
    """Make the distinct texts of one world."""
    texts, people = web_texts(), tuple(_people(seed, pool))
    requests = [
        *(f"GET {path} HTTP/1.1" for path in texts.pages),
        *(f"GET {path} HTTP/2.0" for path in texts.app_pages),
        *(f"GET /l/{_code(n)} HTTP/1.1" for n in range(40)),
        *(f"GET /api/v1/campaigns/cmp_{n:06}/report HTTP/2.0" for n in range(1, 25)),
        *texts.other_requests,
    ]
    names = [a.name.replace("_", "-") for a in wording().archetypes]
    landings = [f"https://shop.example/{name}{end}" for name in names for end in texts.landing_ends]
    pages = [f"{APP}{path}" for path in texts.app_pages]
    return WebPools(
        requests=_texts(requests, (f"GET {t} HTTP/1.1" for p in people for t in _personal_targets(p))),
        referrers=_texts(
            texts.referrers,
            (f"{APP}/contacts?search={quote_plus(f'{p.first} {p.last}')}" for p in people[:20]),
        ),
        pages=_texts(
            pages,
            (
                f"{APP}{path}"
                for p in people
                for path in (f"/contacts?search={quote(p.email)}", f"/inbox/{p.phone}")
            ),
        ),
        landings=_texts(landings, (f"https://shop.example/hello?customer={quote(p.email)}" for p in people)),
        entries=_texts(
            (_entry(*e) for e in texts.entries),
            (_entry(*e).format_map(asdict(p)) for p in people[:24] for e in texts.personal_entries),
        ),
    )


def _texts(plain: Iterable[str], personal: Iterable[str]) -> Texts:
    first = tuple(plain)
    return Texts((*first, *personal), len(first))


def _people(seed: int, pool: Pool) -> Iterator[Person]:
    rng = stream(seed, "people of the web")
    for place in range(_PEOPLE):
        index = place % len(countries())
        number = rng.integers(0, countries()[index].numbers, 1)
        first, last = pool.name(index, number)
        email = f"{slug(first)}.{slug(last)}@{MAIL_DOMAINS[place % len(MAIL_DOMAINS)]}"
        yield Person(first, last, email, str(int(countries()[index].phones(number)[0])))


def _personal_targets(person: Person) -> Iterator[str]:
    name = f"{person.first} {person.last}"
    yield f"/contacts/search?q={quote_plus(name)}"
    yield f"/unsubscribe?email={quote(person.email, safe='')}&list=3"
    yield f"/u/{slug(person.first)}.{slug(person.last)}/profile"
    yield f"/api/v1/contacts/%2B{person.phone}"
    yield f"/login?user={person.email}&next=%2Fdashboard"
    yield f"/l/{_code(int(person.phone) % 1000)}?phone={person.phone}"
    yield f"/exports/{quote(name)}.csv"


def _code(number: int) -> str:
    return f"{(number * 2_654_435_761) % 2_176_782_336:06x}"[:6]


def _entry(origin: str, message: str, failure: str) -> str:
    """Return what stands behind the time of an entry."""
    return f" {origin}: {message}\n" + (_traceback(*web_texts().failures[failure]) if failure else "")


def _traceback(exception: str, text: str, file: str) -> str:
    line = 40 + len(file) * 7 % 200
    return (
        "Traceback (most recent call last):\n"
        f'  File "/srv/{file}", line {line}, in handle\n'
        "    return self._run(job)\n"
        f'  File "/srv/{file}", line {line + 23}, in _run\n'
        "    raise error\n"
        f"{exception}: {text}\n"
    )
