import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizers.email import PROVIDERS, normalise_email, normalise_emails
from anonymizers.unicode import plain

ONE_MAILBOX = {
    "ada.canary@example.org": (
        *("Ada.Canary@Example.ORG", " ada.canary@example.org ", "ada.canary@example.org."),
        *("mailto:ada.canary@example.org", "MAILTO:Ada.Canary@example.org?subject=Hi%20there"),
        *("mailto:ada%2Ecanary@example.org", "<ada.canary@example.org>"),
        *("'ada.canary@example.org'", "ada.canary@example.org;", "ada.canary@example.org, "),
        *("Ada Canary <ada.canary@example.org>", '"Canary, Ada" <Ada.Canary@example.org>'),
        *(
            "ada@work <ada.canary@example.org>",
            "ada.canary @ example.org",
            "\uff41da.canary\uff20example.org",
        ),
    ),
    "o'hara@example.org": ("o'hara@example.org", "'O'Hara@example.org'", "Ann O'Hara <o'hara@example.org>"),
    "bo@example.org": (
        *("bo@example.org (Bo)", "E-mail: bo@example.org", "[bo@example.org](mailto:bo@example.org)"),
        *("bo@example.org <mailto:bo@example.org>", "bo@example.org; BO@example.org", "bo @ example.org"),
        "bo@work <bo@example.org>",
    ),
    "ada <ada@example.org>, bo <bo@example.org>": ("Ada <ada@example.org>, Bo <bo@example.org>",),
    "ada@example.org;bo@example.org": (" ada@example.org;bo@example.org ",),
    "ada@xn--mnchen-3ya.example": (
        "ada@m\u00fcnchen.example",
        "Ada@M\u00dcNCHEN.example",
        "ada@mu\u0308nchen.example",
    ),
    "ada@xn--strae-oqa.example": ("ada@stra\u00dfe.example", "ada@XN--STRAE-OQA.example"),
    "ada@gmail.com": (
        "a.d.a@gmail.com",
        "ada+news@gmail.com",
        "A.d.a+x+y@googlemail.com",
        "mailto:ada+x@gmail.com",
    ),
    "ada.c@outlook.com": ("ada.c@outlook.com", "ada.c+news@outlook.com"),
    "adac@proton.me": ("ada.c@proton.me", "a-da_c+news@proton.me"),
}


@pytest.mark.parametrize(
    ("spelling", "mailbox"), [(s, mailbox) for mailbox, spellings in ONE_MAILBOX.items() for s in spellings]
)
def test_every_spelling_of_a_mailbox_is_one_address(spelling, mailbox):
    assert normalise_emails(pl.Series([spelling])).to_list() == [mailbox]


@pytest.mark.parametrize(
    "other",
    [
        *("ada.canary+news@example.org", "adacanary@example.org", "ada.c@outlook.com", "ada@hotmail.com"),
        *(
            "ada-news@yahoo.com",
            "ada@sub.gmail.com",
            "ada@gmail.com.example.org",
            "+news@gmail.com",
            "ada@@example.org",
        ),
    ],
)
def test_tags_dots_and_domains_count_where_no_provider_says_that_they_do_not(other):
    assert normalise_email(other) == other


def test_the_rule_of_each_provider_says_where_it_stands():
    assert all(provider.source for provider in PROVIDERS)
    assert len({domain for provider in PROVIDERS for domain in provider.domains}) == sum(
        len(provider.domains) for provider in PROVIDERS
    )


@given(
    st.lists(
        st.none() | st.text(max_size=12) | st.text("aB.+@<>%-_\u00dfg ", max_size=12) | st.emails(),
        max_size=8,
    )
)
@example(["a.b+c@gmail.com", "mailto:x@y", "mailto@y.org", "a@b@gmail.com"])
def test_the_column_and_the_single_address_are_spelt_alike(texts):
    column = pl.Series(texts, dtype=pl.String)

    spelt = normalise_emails(column)

    assert spelt.to_list() == [None if text is None else normalise_email(text) for text in plain(column)]
