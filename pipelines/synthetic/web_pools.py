"""Distinct texts of the web: targets, referrers, browsers, log messages.

Their number is modest whatever the traffic, as on a real site: free text is anonymized value by value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import numpy as np

from pipelines.synthetic.countries import COUNTRIES
from pipelines.synthetic.names import MAIL_DOMAINS, Pool, slug
from pipelines.synthetic.randomness import stream
from pipelines.synthetic.wording import ARCHETYPES

APP = "https://app.wasms.example"
SITE = "https://www.wasms.example"
_PEOPLE = 36

_PAGES = (
    "/",
    "/pricing",
    "/features",
    "/about",
    "/contact",
    "/login",
    "/signup",
    "/robots.txt",
    "/favicon.ico",
    "/sitemap.xml",
    "/static/css/main.css",
    "/static/js/app.js",
    "/static/js/vendor.js",
    "/static/img/logo.svg",
    "/static/img/hero.webp",
    "/static/fonts/inter.woff2",
    "/docs",
    "/docs/api/messages",
    "/docs/api/webhooks",
    "/docs/guides/opt-outs",
    "/blog",
    "/blog/whatsapp-templates-that-convert",
    "/blog/sms-segments-explained",
    "/blog/when-to-send",
    "/blog/quality-ratings",
    "/legal/privacy",
    "/legal/terms",
    "/healthz",
)
APP_PAGES = (
    "/dashboard",
    "/campaigns",
    "/campaigns/new",
    "/campaigns/calendar",
    "/campaigns/archive",
    "/contacts",
    "/contacts/import",
    "/contacts/segments",
    "/templates",
    "/templates/new",
    "/inbox",
    "/reports/funnel",
    "/reports/costs",
    "/settings/team",
    "/settings/channels",
    "/settings/billing",
    "/settings/retention",
)
FEATURES = (
    "campaign_create",
    "campaign_schedule",
    "campaign_duplicate",
    "template_edit",
    "template_submit",
    "contact_import",
    "contact_export",
    "segment_create",
    "inbox_reply",
    "report_download",
    "ab_test",
    "link_tracking",
    "team_invite",
    "api_key_create",
    "retention_change",
)
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X)"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
USER_AGENTS = (
    f"{_WINDOWS} {_BLINK} Chrome/136.0.0.0 Safari/537.36",
    f"{_WINDOWS} {_BLINK} Chrome/135.0.0.0 Safari/537.36 Edg/135.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:138.0) Gecko/20100101 Firefox/138.0",
    f"{_MAC} {_SAFARI} Version/18.4 Safari/605.1.15",
    f"{_MAC} {_BLINK} Chrome/136.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:138.0) Gecko/20100101 Firefox/138.0",
    f"{_IPHONE} {_SAFARI} Version/18.4 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) {_SAFARI} CriOS/136.0.7103.56 Mobile/15E148",
    f"Mozilla/5.0 (Linux; Android 15; SM-S921B) {_BLINK} Chrome/136.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; Redmi Note 12) {_BLINK} Chrome/134.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 13; moto g52) {_BLINK} Chrome/133.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (iPad; CPU OS 18_3 like Mac OS X) {_SAFARI} Version/18.3 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "curl/8.7.1",
    "python-requests/2.32.3",
    'Monitor/1.4 (\\"uptime\\"; eu-central)',
    "-",
)
# Of these, so many belong to people rather than machines.
HUMAN_AGENTS = 12


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
    people = tuple(_people(seed, pool))
    plain_requests = [
        *(f"GET {path} HTTP/1.1" for path in _PAGES),
        *(f"GET {path} HTTP/2.0" for path in APP_PAGES),
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
    plain_pages = [f"{APP}{path}" for path in APP_PAGES]
    plain_landings = [
        f"https://shop.example/{a.name.replace('_', '-')}{end}" for a in ARCHETYPES for end in _LANDING_ENDS
    ]
    plain_entries = list(_plain_entries())
    return WebPools(
        requests=(*plain_requests, *(f"GET {t} HTTP/1.1" for p in people for t in _personal_targets(p))),
        requests_plain=len(plain_requests),
        referrers=(
            *_REFERRERS,
            *(f"{APP}/contacts?search={quote_plus(f'{p.first} {p.last}')}" for p in people[:20]),
        ),
        referrers_plain=len(_REFERRERS),
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


# The commonest first; `-` is none at all.
_REFERRERS = (
    "-",
    "https://www.google.com/",
    f"{SITE}/",
    f"{SITE}/pricing",
    f"{APP}/dashboard",
    f"{APP}/campaigns",
    "https://duckduckgo.com/",
    "https://www.bing.com/",
)
_LANDING_ENDS = (
    "",
    "?utm_source=whatsapp&utm_medium=message",
    "?utm_source=sms&utm_medium=message",
    "/women",
    "/men",
    "/new",
    "?size=M&color=blue",
)


def _people(seed: int, pool: Pool) -> Iterator[Person]:
    rng = stream(seed, "people of the web")
    for place in range(_PEOPLE):
        index = place % len(COUNTRIES)
        number = rng.integers(0, COUNTRIES[index].numbers, 1)
        first = pool.first[int(pool.first_indices(index, number)[0])]
        last = pool.last[int(pool.last_indices(index, number)[0])]
        email = f"{slug(first)}.{slug(last)}@{MAIL_DOMAINS[place % len(MAIL_DOMAINS)]}"
        yield Person(first, last, email, str(int(COUNTRIES[index].phones(number)[0])))


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


def agent_weights() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How common each of `USER_AGENTS` is."""
    return np.array([18, 7, 5, 9, 7, 2, 16, 4, 15, 8, 5, 3, 3, 1.5, 1, 1, 0.6, 0.4])
