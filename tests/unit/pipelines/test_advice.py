"""A suggestion says why, and neither it nor a failure says what was in the sample."""

from collections.abc import Iterator, Sequence

import pytest

from anonymizers.treatments import Treatment, ValueType
from pipelines.advice import Found, advise, suggests
from pipelines.errors import DetectorError
from pipelines.samples import SampleColumn

CANARY = "Peregrine Holloway-Finch"


def texts(*values: str) -> SampleColumn:
    return SampleColumn(name="sampled", type=ValueType.VARCHAR, format=None, values=values)


def sees(*found: Found, share: float = 1.0):
    def detect(values: Sequence[str]) -> Iterator[Sequence[Found]]:
        for i in range(len(values)):
            yield found if i < share * len(values) else ()

    return detect


@pytest.mark.parametrize(
    ("name", "found", "treatment", "reason"),
    [
        (
            "x",
            [Found("PHONE_NUMBER", 0.4)],
            Treatment.PSEUDONYMIZE,
            "PHONE_NUMBER in 100% of 1 values, score up to 0.40",
        ),
        ("x", [Found("PHONE_NUMBER", 0.39)], Treatment.SCRUB_TEXT, "text of unknown kind"),
        ("x", [Found("IP_ADDRESS", 0.95)], Treatment.GENERALIZE_IP, "IP_ADDRESS in 100%"),
        (
            "x",
            [Found("URL", 0.6), Found("EMAIL_ADDRESS", 0.5)],
            Treatment.PSEUDONYMIZE,
            "EMAIL_ADDRESS in 100%",
        ),
        ("x", [Found("CREDIT_CARD", 1.0)], Treatment.DROP, "CREDIT_CARD in 100%"),
        ("user_agent", [], Treatment.REDUCE_USER_AGENT, "its name suggests a user agent"),
        ("message_body", [], Treatment.DERIVE_TEXT_FEATURES, "its name suggests a text by people"),
        ("landing_url", [], Treatment.SCRUB_URL, "its name suggests an address of a page"),
        ("to", [], Treatment.PSEUDONYMIZE, "its name suggests a phone number"),
        ("total", [], Treatment.SCRUB_TEXT, "text of unknown kind"),
    ],
)
def test_values_weigh_more_than_names_and_names_more_than_types(
    name: str, found: list[Found], treatment: Treatment, reason: str
):
    advice = advise(texts("any"), name=name, detect=sees(*found))

    assert advice.treatment is treatment
    assert advice.reasons[0].startswith(reason)


def test_what_is_found_in_one_value_of_twenty_is_no_pattern():
    column = texts(*(f"value {i}" for i in range(20)))

    advice = advise(column, name="x", detect=sees(Found("PERSON", 0.85), share=0.05))

    assert advice.reasons == ("text of unknown kind; `keep` needs `values` or a `pattern`",)


def test_a_number_is_looked_at_too_because_a_phone_number_may_be_one():
    column = SampleColumn(name="n", type=ValueType.BIGINT, format=None, values=("1",))

    assert (
        advise(column, name="n", detect=sees(Found("PHONE_NUMBER", 0.6))).treatment is Treatment.PSEUDONYMIZE
    )
    assert advise(column, name="n", detect=sees()).treatment is Treatment.KEEP


def test_a_name_in_a_long_text_is_masked_and_a_column_of_names_dropped():
    prose = texts(f"{CANARY} asked us to call again")

    assert advise(prose, name="x", detect=sees(Found("PERSON", 0.85))).treatment is Treatment.SCRUB_TEXT
    assert advise(texts(CANARY), name="x", detect=sees(Found("PERSON", 0.85))).treatment is Treatment.DROP


def test_a_failing_detector_stops_the_draft_and_keeps_the_text_it_failed_on_to_itself():
    def fails(values: Sequence[str]) -> Iterator[Sequence[Found]]:
        raise ValueError(values[0])

    with pytest.raises(DetectorError, match="failed \\(ValueError\\)") as caught:
        advise(texts(CANARY), name="x", detect=fails)

    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "hinted"), [("e_mail", True), ("from", True), ("platform", False), ("zipper", False)]
)
def test_only_whole_words_of_a_name_are_hints(name: str, hinted: bool):
    assert suggests(name) is hinted
