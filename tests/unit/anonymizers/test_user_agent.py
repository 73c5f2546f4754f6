import polars as pl
import pytest

from anonymizers.user_agent import families

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36",
            ("Chrome", "Windows", "desktop"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari/604.1",
            ("Mobile Safari", "iOS", "mobile"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36",
            ("Chrome Mobile", "Android", "mobile"),
        ),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X910) {CHROME} Safari/537.36", ("Chrome", "Android", "tablet")),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            ("Googlebot", "Other", "bot"),
        ),
        ("curl/8.5.0", ("curl", "Other", "bot")),
        ("AdasCanaryPhone", ("Other", "Other", "other")),
        ("AdaCanary/1.0 CFNetwork/1.0 Darwin/20.0", ("Other", "iOS", "mobile")),
        ("", ("Other", "Other", "other")),
        ("A" * 513, ("Other", "Other", "other")),
        (None, (None, None, None)),
    ],
)
def test_an_agent_is_reduced_to_known_families(agent, expected):
    found = families(pl.Series([agent], dtype=pl.String))

    assert tuple(found[part][0] for part in ("browser", "os", "device")) == expected


def test_the_rows_of_equal_agents_keep_their_places():
    found = families(pl.Series(["curl/8.5.0", None, "curl/7.0", "curl/8.5.0"]))

    assert found["device"].to_list() == ["bot", None, "bot", "bot"]
