import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.url import scrubbed_urls
from tests.support.plans import Untouched


class KnowsAda:
    """Finds one made-up name."""

    def scrub(self, texts):
        return [re.sub(r"(?i)ada( canary)?", "<PERSON>", text) for text in texts]


def _scrubbed(url: str | None) -> str | None:
    return scrubbed_urls(pl.Series([url], dtype=pl.String), scrubber=KnowsAda())[0]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("/blog/tags/puppet", "/blog/tags/puppet"),
        ("/", "/"),
        ("/docs/", "/docs/"),
        ("https://shop.example.com/a", "https://shop.example.com/a"),
        ("https://Shop.Example.com:8443/a#top", "https://shop.example.com:8443/a"),
        ("//shop.example.com/a", "//shop.example.com/a"),
        ("/orders/4711", "/orders/<ID>"),
        ("/orders/47-11", "/orders/<ID>"),
        ("/u/6f1c2d3e-0a1b-4c5d-8e9f-001122334455/edit", "/u/<ID>/edit"),
        ("/u/deadbeef12", "/u/<ID>"),
        ("/u/QWRhQ2FuYXJ5", "/u/<ID>"),
        ("/u/x7Kp2mQ9", "/u/<ID>"),
        ("/u/ada@example.org", "/u/<ID>"),
        ("/u/ada%40example.org", "/u/<ID>"),
        ("/u/ada%2540example.org", "/u/<ID>"),
        ("/u/ada%252540example.org", "/u/<ID>"),
        ("/u/%D9%A1%D9%A2%D9%A3", "/u/<ID>"),
        ("/dashboard/new-templates.html", "/dashboard/new-templates.html"),
        ("/u/ada", "/u/<PERSON>"),
        ("/u/ada-dashboard", "/u/<PERSON>"),
        ("/u/ada-canary", "/u/<PERSON>"),
        ("/u/ada_canary.html", "/u/<PERSON>"),
        ("/u/AdaCanary", "/u/<PERSON>"),
        ("/u/Ada%20Canary", "/u/<PERSON>"),
        ("/u/a%E2%80%8Bda", "/u/<PERSON>"),
        ("/u/%EF%BD%81da", "/u/<PERSON>"),
        ("/a;jsessionid=77AB/b", "/a/b"),
        ("/a?page=2&sort=price", "/a?page=2&sort=price"),
        ("/a?page=20000", "/a?page=<VALUE>"),
        ("/a?sort=ada", "/a?sort=<VALUE>"),
        ("/a?utm_source=newsletter&email=ada@example.org", "/a?utm_source=newsletter"),
        ("/a?utm_campaign=Ada%20Canary", "/a?utm_campaign=<VALUE>"),
        ("/a?4915100000001=1", "/a"),
        ("/a?" + "&".join(["page=1"] * 200), "<URL>"),
        ("https://ada:secret@shop.example.com/a", "https://<HOST>/a"),
        ("https://203.0.113.77/a", "https://<HOST>/a"),
        ("https://[2001:db8::1]/a", "https://<HOST>/a"),
        ("https://3405803853/a", "https://<HOST>/a"),
        ("https://0xcb00714d/a", "https://<HOST>/a"),
        ("https://192.0x0.513/a", "https://<HOST>/a"),
        ("https://ada-canary.example.com/a", "https://<HOST>/a"),
        ("https://xn--adacanary-9za.example.com/a", "https://<HOST>/a"),
        ("https://localhost/a", "https://<HOST>/a"),
        ("mailto:ada@example.org", "<URL>"),
        ("tel:+4915100000001", "<URL>"),
        ("javascript:alert('Ada')", "<URL>"),
        ("data:text/plain,Ada", "<URL>"),
        ("android-app://org.example.ada/", "<URL>"),
        ("http://[::1", "<URL>"),
        ("http://shop.example.com:99999/", "<URL>"),
        ("/" + "a" * 2100, "<URL>"),
        ("/" * 100, "<URL>"),
        ("*", "*"),
        ("", ""),
        (None, None),
    ],
)
def test_a_page_stays_and_a_person_goes(url, safe):
    assert _scrubbed(url) == safe


def test_a_scrubber_that_breaks_redacts_every_word():
    class Broken:
        def scrub(self, texts):
            raise RuntimeError("no model")

    found = scrubbed_urls(pl.Series(["https://shop.example.com/ada/4711?sort=price"]), scrubber=Broken())

    assert found.to_list() == ["https://<HOST>/<REDACTED>/<ID>?sort=<VALUE>"]


@given(st.lists(st.text(max_size=30) | st.none(), max_size=8))
def test_any_text_at_all_is_answered_row_by_row(urls):
    found = scrubbed_urls(pl.Series(urls, dtype=pl.String), scrubber=Untouched())

    assert [value is None for value in found] == [url is None for url in urls]


@given(st.from_regex(r"[0-9]{3,15}", fullmatch=True), st.integers(0, 2))
def test_no_number_survives_in_a_path_however_often_it_is_encoded(number, rounds):
    segment = number
    for _ in range(rounds):
        segment = "".join(f"%{ord(character):02x}" for character in segment)

    assert _scrubbed(f"/u/{segment}/edit") == "/u/<ID>/edit"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/15/12/34/56/78", "/<ID>/<ID>/<ID>/<ID>/<ID>"),
        ("/born/1990/05/03", "/born/<ID>/<ID>/<ID>"),
        ("/shop/2/page/3", "/shop/2/page/3"),
    ],
)
def test_digits_spread_over_segments_are_masked(url, expected):
    assert scrubbed_urls(pl.Series([url]), scrubber=Untouched()).to_list() == [expected]
