"""A suggestion says why, and neither it nor a failure says what was in the sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from anonymizers.text.scrubber import Mask
from anonymizers.treatments import Treatment, ValueType
from pipelines.declarations.errors import DetectorError
from pipelines.drafting.advice import advise, suggests
from pipelines.drafting.samples import SampleColumn

CANARY = "Peregrine Holloway-Finch"


def texts(*values: str) -> SampleColumn:
    return SampleColumn(name="sampled", type=ValueType.VARCHAR, format=None, values=values)


@dataclass
class Sees:
    """Masks the same in a share of the texts."""

    names: Sequence[str] = ()
    share: float = 1.0

    def masks(self, values: Sequence[str]) -> list[list[Mask] | None]:
        found = [Mask(number, number + 1, f"<{name}>") for number, name in enumerate(self.names)]
        return [found if i < self.share * len(values) else None for i in range(len(values))]

    def scrub(self, values: Sequence[str]) -> Sequence[str]:
        return values


@pytest.mark.parametrize(
    ("name", "found", "treatment", "reason"),
    [
        ("x", ["PHONE_NUMBER"], Treatment.PSEUDONYMIZE, "PHONE_NUMBER in 100% of 1 values"),
        ("x", ["NUMBER"], Treatment.SCRUB_TEXT, "text of unknown kind"),
        ("x", ["IP_ADDRESS"], Treatment.GENERALIZE_IP, "IP_ADDRESS in 100%"),
        ("x", ["URL", "EMAIL_ADDRESS"], Treatment.PSEUDONYMIZE, "EMAIL_ADDRESS in 100%"),
        ("x", ["CREDIT_CARD"], Treatment.DROP, "CREDIT_CARD in 100%"),
        ("user_agent", [], Treatment.REDUCE_USER_AGENT, "its name suggests a user agent"),
        ("message_body", [], Treatment.DERIVE_TEXT_FEATURES, "its name suggests a text by people"),
        ("landing_url", [], Treatment.SCRUB_URL, "its name suggests an address of a page"),
        ("to", [], Treatment.PSEUDONYMIZE, "its name suggests a phone number"),
        ("total", [], Treatment.SCRUB_TEXT, "text of unknown kind"),
    ],
)
def test_values_weigh_more_than_names_and_names_more_than_types(
    name: str, found: list[str], treatment: Treatment, reason: str
):
    advice = advise(texts("any"), name=name, scrubber=Sees(found))

    assert advice.treatment is treatment
    assert advice.reasons[0].startswith(reason)


def test_what_is_found_in_one_value_of_twenty_is_no_pattern():
    column = texts(*(f"value {i}" for i in range(20)))

    advice = advise(column, name="x", scrubber=Sees(["NAME"], share=0.05))

    assert advice.reasons == ("text of unknown kind; `keep` needs `values` or a `pattern`",)


def test_a_number_is_looked_at_too_because_a_phone_number_may_be_one():
    column = SampleColumn(name="n", type=ValueType.BIGINT, format=None, values=("1",))

    assert advise(column, name="n", scrubber=Sees(["PHONE_NUMBER"])).treatment is Treatment.PSEUDONYMIZE
    assert advise(column, name="n", scrubber=Sees()).treatment is Treatment.KEEP


def test_a_name_in_a_long_text_is_masked_and_a_column_of_names_dropped():
    prose = texts(f"{CANARY} asked us to call again")

    assert advise(prose, name="x", scrubber=Sees(["NAME"])).treatment is Treatment.SCRUB_TEXT
    assert advise(texts(CANARY), name="x", scrubber=Sees(["NAME"])).treatment is Treatment.DROP


def test_a_failing_detector_stops_the_draft_and_keeps_the_text_it_failed_on_to_itself():
    class Fails(Sees):
        def masks(self, values: Sequence[str]) -> list[list[Mask] | None]:
            raise ValueError(values[0])

    with pytest.raises(DetectorError, match="failed \\(ValueError\\)") as caught:
        advise(texts(CANARY), name="x", scrubber=Fails())

    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("name", "hinted"), [("e_mail", True), ("from", True), ("platform", False), ("zipper", False)]
)
def test_only_whole_words_of_a_name_are_hints(name: str, hinted: bool):
    assert suggests(name) is hinted
