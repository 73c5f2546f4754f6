"""Make the distinct texts of the web: targets, referrers, browsers, log messages.

Their number is modest whatever the traffic, as on a real site: free text is anonymized value by value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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
class Entry:
    """One kind of log entry; ``traceback`` may be empty."""

    level: str
    logger: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class WebPools:
    """All distinct texts. In each list the impersonal ones come first, ``*_plain`` says how many."""

    requests: tuple[str, ...]
    requests_plain: int
    referrers: tuple[str, ...]
    referrers_plain: int
    pages: tuple[str, ...]
    pages_plain: int
    landings: tuple[str, ...]
    landings_plain: int
    entries: tuple[Entry, ...]
    entries_plain: int


def make_web_pools(seed: int, pool: Pool) -> WebPools:
    """Make the distinct texts of one world."""
    texts, people = web_texts(), tuple(_people(seed, pool))
    plain_requests = [
        *(f"GET {path} HTTP/1.1" for path in texts.pages),
        *(f"GET {path} HTTP/2.0" for path in texts.app_pages),
        *(f"GET /l/{_code(n)} HTTP/1.1" for n in range(40)),
        *(f"GET /api/v1/campaigns/cmp_{n:06}/report HTTP/2.0" for n in range(1, 25)),
        "POST /api/v1/messages HTTP/1.1",
        "POST /api/v1/contacts HTTP/1.1",
        "POST /webhooks/whatsapp HTTP/1.1",
        "POST /webhooks/twilio HTTP/1.1",
        "HEAD / HTTP/1.1",
        "OPTIONS /api/v1/messages HTTP/2.0",
        "GET /wp-login.php HTTP/1.1",
        "GET /.env HTTP/1.1",
    ]
    plain_pages = [f"{APP}{path}" for path in texts.app_pages]
    names = [a.name.replace("_", "-") for a in wording().archetypes]
    plain_landings = [f"https://shop.example/{name}{end}" for name in names for end in texts.landing_ends]
    plain_entries = list(_plain_entries())
    return WebPools(
        requests=(*plain_requests, *(f"GET {t} HTTP/1.1" for p in people for t in _personal_targets(p))),
        requests_plain=len(plain_requests),
        referrers=(
            *texts.referrers,
            *(f"{APP}/contacts?search={quote_plus(f'{p.first} {p.last}')}" for p in people[:20]),
        ),
        referrers_plain=len(texts.referrers),
        pages=(*plain_pages, *(t for p in people for t in _personal_pages(p))),
        pages_plain=len(plain_pages),
        landings=(
            *plain_landings,
            *(f"https://shop.example/hello?customer={quote(p.email)}" for p in people),
        ),
        landings_plain=len(plain_landings),
        entries=(*plain_entries, *(e for p in people[:24] for e in _personal_entries(p))),
        entries_plain=len(plain_entries),
    )


def _people(seed: int, pool: Pool) -> Iterator[Person]:
    rng = stream(seed, "people of the web")
    for place in range(_PEOPLE):
        index = place % len(countries())
        number = rng.integers(0, countries()[index].numbers, 1)
        first = pool.first[int(pool.first_indices(index, number)[0])]
        last = pool.last[int(pool.last_indices(index, number)[0])]
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


def _personal_pages(person: Person) -> Iterator[str]:
    yield f"{APP}/contacts?search={quote(person.email)}"
    yield f"{APP}/inbox/{person.phone}"


def _code(number: int) -> str:
    return f"{(number * 2_654_435_761) % 2_176_782_336:06x}"[:6]


def _plain_entries() -> Iterator[Entry]:
    timeout = _traceback("app.errors.ProviderTimeoutError", "no answer after 30 s", "app/providers/http.py")
    locked = _traceback("sqlalchemy.exc.OperationalError", "deadlock detected", "app/db/session.py")
    missing = _traceback("KeyError", "'template_id'", "app/campaigns/render.py")
    yield Entry("ERROR", "app.providers.whatsapp", "Request to the provider failed", timeout)
    yield Entry("ERROR", "app.providers.twilio", "Request to the provider failed", timeout)
    yield Entry("ERROR", "app.db", "Transaction rolled back", locked)
    yield Entry("ERROR", "app.campaigns.render", "Campaign could not be rendered", missing)
    yield Entry("CRITICAL", "app.worker", "Worker lost its connection to the queue", timeout)
    for queue in ("outbox", "webhooks", "exports", "imports"):
        yield Entry("WARNING", f"app.worker.{queue}", "Queue is longer than expected", "")
        yield Entry("ERROR", f"app.worker.{queue}", "Job was given up after 5 attempts", timeout)
    for code in (130429, 131016, 131026, 131049, 30007):
        yield Entry("WARNING", "app.providers", f"Provider answered with error {code}", "")


def _personal_entries(person: Person) -> Iterator[Entry]:
    invalid = _traceback("ValueError", f"not a phone number: +{person.phone}", "app/contacts/phone.py")
    double = _traceback(
        "sqlalchemy.exc.IntegrityError",
        f'duplicate key value violates unique constraint "contacts_email_key" ({person.email})',
        "app/contacts/store.py",
    )
    yield Entry("WARNING", "app.auth", f"Login failed for {person.email}", "")
    yield Entry("ERROR", "app.contacts", f"Import of {person.first} {person.last} failed", double)
    yield Entry("ERROR", "app.outbox", f"Message to +{person.phone} was not accepted", invalid)
    yield Entry("WARNING", "app.inbox", f"{person.first} {person.last} <{person.email}> wrote twice", "")


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
