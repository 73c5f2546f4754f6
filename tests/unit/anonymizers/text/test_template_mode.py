import polars as pl
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.text.counting_scrubber import CountingScrubber
from anonymizers.text.scrubber import REDACTED, Mask, masked_texts
from anonymizers.text.settings import load_settings
from anonymizers.text.template_mode import templated
from tests.support.scrubbers import scrubber_of

FIRST_NAMES = (
    "Anna",
    "Bernd",
    "Carla",
    "Dieter",
    "Emma",
    "Felix",
    "Greta",
    "Hanna",
    "Ingrid",
    "Jonas",
    "Karin",
)
REAL = scrubber_of(load_settings())


class Capitals:
    """Masks `Names`, numbers and addresses, in texts of words with spaces between, and says so alike."""

    KINDS = (("<EMAIL_ADDRESS>", r"\S+@\S+"), ("<NAME>", r"\p{Lu}\S*"), ("<NUMBER>", r"\p{Nd}\S*"))

    def masks(self, texts):
        return [self._masks(text) for text in texts]

    def scrub(self, texts):
        return [self._scrub(text) for text in texts]

    def _masks(self, text):
        words = regex.finditer(r"\S+", text)
        found = [
            (word, next((n for n, pattern in self.KINDS if regex.fullmatch(pattern, word[0])), None))
            for word in words
        ]
        return [Mask(*word.span(), name) for word, name in found if name]

    def _scrub(self, text):
        for mask in reversed(self._masks(text)):
            text = text[: mask.start] + mask.name + text[mask.end :]
        return text


def reduced(texts, *, units=None, workspaces="ws_one", scrubber=None, fewest=3):
    n = len(texts)
    return templated(
        pl.Series("body", texts, dtype=pl.String),
        units=pl.Series(
            list(units) if units is not None else [f"contact {i}" for i in range(n)], dtype=pl.String
        ),
        workspaces=pl.Series(
            [workspaces] * n if isinstance(workspaces, str) else workspaces, dtype=pl.String
        ),
        scrubber=scrubber or Capitals(),
        fewest=fewest,
    ).to_list()


def test_what_all_texts_of_a_template_share_is_restored_and_what_differs_is_not():
    texts = ["hi Anna from Zorblig", "hi Bernd from Zorblig", "hi Carla from Zorblig"]

    assert reduced(texts) == ["hi <NAME> from Zorblig"] * 3


def test_a_brand_a_street_and_a_short_number_survive_the_real_scrubber():
    texts = [
        f"Hi {name}, the spring sale at Zorblig starts today, show {4711 + n} at our shop in Quillwood 12"
        for n, name in enumerate(FIRST_NAMES)
    ]

    answers = reduced(texts, scrubber=REAL, fewest=11)

    assert set(answers) == {
        "Hi <NAME>, the spring sale at Zorblig starts today, show <NUMBER> at our shop in Quillwood 12"
    }


def test_fewer_contacts_than_k_are_no_group():
    texts = ["hi Anna from Zorblig", "hi Bernd from Zorblig"]

    assert reduced(texts) == ["hi <NAME> from <NAME>"] * 2


@pytest.mark.parametrize("units", [["one"] * 4, ["one", "two", "one", "two"], ["one", "two", None, None]])
def test_contacts_are_counted_and_not_rows(units):
    assert reduced(["hi Anna from Zorblig"] * 4, units=units) == ["hi <NAME> from <NAME>"] * 4


def test_a_row_without_a_contact_counts_nothing_but_its_text_must_agree():
    units = ["one", "two", "three", None]

    agreeing = reduced(["from Zorblig"] * 4, units=units)
    differing = reduced([*["from Zorblig"] * 3, "from Anna"], units=units)

    assert agreeing == ["from Zorblig"] * 4
    assert differing == ["from <NAME>"] * 4


def test_templates_of_two_workspaces_are_two():
    workspaces = ["ws_one", "ws_one", "ws_two", "ws_two"]

    assert reduced(["from Zorblig"] * 4, workspaces=workspaces) == ["from <NAME>"] * 4
    assert reduced(["from Zorblig"] * 4, workspaces=workspaces, fewest=2) == ["from Zorblig"] * 4


def test_rows_without_a_workspace_are_of_no_template():
    assert reduced(["from Zorblig"] * 4, workspaces=[None] * 4) == ["from <NAME>"] * 4


def test_rows_keep_their_places_and_null_stays_null():
    texts = ["from Zorblig", None, "at Quillstreet today", "from Zorblig", "from Zorblig"]

    assert reduced(texts) == ["from Zorblig", None, "at <NAME> today", "from Zorblig", "from Zorblig"]
    assert reduced([None, None]) == [None, None]
    assert reduced([]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to shop@zorblig.example now", "write to <EMAIL_ADDRESS> now"),
        ("row 4711 now", "row 4711 now"),
        ("row 47110 now", "row <NUMBER> now"),
        ("row 47-11-0 now", "row <NUMBER> now"),
        ("row ٤٧١١٠ now", "row <NUMBER> now"),
        ("row 1one-five-one now", "row <NUMBER> now"),
        ("row R47110 now", "row <NAME> now"),
    ],
)
def test_what_a_recognizer_found_and_long_or_spelt_numbers_are_never_restored(text, expected):
    assert reduced([text] * 4) == [expected] * 4


@pytest.mark.parametrize("name", ["<ID>", "<PERSON>", "<LOCATION>", REDACTED])
def test_only_masks_of_the_release_rule_are_restored(name):
    class Otherwise(Capitals):
        KINDS = ((name, r"\p{Lu}\S*"),)

    assert reduced(["from Zorblig"] * 4, scrubber=Otherwise()) == [f"from {name}"] * 4


def test_where_scrub_and_masks_name_it_differently_both_must_be_of_the_release_rule():
    class Named(Capitals):
        def scrub(self, texts):
            return [safe.replace("<NAME>", self.name) for safe in super().scrub(texts)]

    doubted, found = Named(), Named()
    doubted.name, found.name = "<PLACE>", "<ADDRESS>"

    assert reduced(["from Zorblig"] * 4, scrubber=doubted) == ["from Zorblig"] * 4
    assert reduced(["from Zorblig"] * 4, scrubber=found) == ["from <ADDRESS>"] * 4


@pytest.mark.parametrize("hidden", ["Zorblig%41nna", "Z\u200borblig", "&#65;nna", "Ａnna"])
def test_encoded_text_is_not_restored(hidden):
    class Everything(Capitals):
        KINDS = (("<NAME>", r"[^a-z]\S*"),)

    assert reduced([f"from {hidden} here"] * 4, scrubber=Everything()) == ["from <NAME> here"] * 4


class Disagrees(Capitals):
    """Scrubs all alike, but masks some texts in another way."""

    def scrub(self, texts):
        return ["from <NAME>"] * len(texts)


class InNumber(Disagrees):
    def _masks(self, text):
        return [] if text.endswith("2") else [Mask(5, 12, "<NAME>")]


class InKind(Disagrees):
    def _masks(self, text):
        return [Mask(5, 12, "<WORD>" if text.endswith("2") else "<NAME>")]


class InPlace(Disagrees):
    def _masks(self, text):
        return [Mask(6, 12, "<NAME>")]


class FromEachOther(Disagrees):
    def _masks(self, text):
        return [Mask(0, 12, "<NAME>")] if text.endswith("2") else [Mask(5, 12, "<NAME>")]


class Redacts(Disagrees):
    def _masks(self, text):
        return None if text.endswith("2") else [Mask(5, 12, "<NAME>")]


class Raises(Disagrees):
    def masks(self, texts):
        raise RuntimeError("no model")


class TooFew(Disagrees):
    def masks(self, texts):
        return []


class NothingAtAll(Disagrees):
    def masks(self, texts):
        return None


@pytest.mark.parametrize(
    "broken",
    [InNumber(), InKind(), InPlace(), FromEachOther(), Redacts(), Raises(), TooFew(), NothingAtAll()],
    ids=lambda broken: type(broken).__name__,
)
def test_where_masks_do_not_agree_texts_stay_as_they_were_scrubbed(broken):
    assert reduced([f"from Zorbli{n}" for n in range(4)], scrubber=broken) == ["from <NAME>"] * 4


def test_what_is_shared_is_what_all_texts_share_however_many_there_are():
    texts = [*["from Zorblig"] * 40, "from Anna"]
    many = [f"from Zorblig to {name}{n}" for n in range(40) for name in ("Anna", "Bernd")]

    assert set(reduced(texts)) == {"from <NAME>"}
    assert set(reduced([*many, "from Quill to Zoe"])) == {"from <NAME> to <NAME>"}
    assert set(reduced(many)) == {"from Zorblig to <NAME>"}


def test_masks_are_asked_only_for_groups_that_qualify():
    class Counting(Capitals):
        def __init__(self):
            self.asked = []

        def masks(self, texts):
            self.asked += texts
            return super().masks(texts)

    scrubber = Counting()
    reduced(["all is well"] * 4 + ["from Zorblig"] * 4 + ["to Anna"], scrubber=scrubber)

    assert set(scrubber.asked) == {"from Zorblig"}
    assert masked_texts([], scrubber=scrubber) == {}


def test_a_mask_that_somebody_typed_is_text():
    typed = "write <NAME> from Zorblig"

    class Literal(Capitals):
        KINDS = (("<NAME>", r"\p{Lu}\S*"),)

    assert reduced([typed] * 4, scrubber=Literal()) == [typed] * 4


def test_words_that_were_counted_stay_and_the_rest_of_the_template_is_restored():
    class Released:
        def released(self, words):
            return words.is_in(["zorblig"]).to_numpy()

    texts = [f"Hi {name}, your zorblig sale is on now at Quillwood" for name in FIRST_NAMES]

    answers = reduced(texts, scrubber=CountingScrubber(REAL, Released()), fewest=11)

    assert set(answers) == {"Hi <NAME>, your zorblig sale is on now at Quillwood"}


_WORDS = st.sampled_from(
    ["hi", "from", "Anna", "Bernd", "Zorblig", "Quill", "12", "4711", "47110", "a@b.example"]
)
_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ws_one", "ws_two"]),
        st.none() | st.sampled_from("abcde"),
        st.lists(_WORDS, min_size=1, max_size=3).map(" ".join),
    ),
    max_size=24,
)


@given(_ROWS, st.integers(2, 4))
def test_the_answer_never_holds_what_fewer_than_k_contacts_share(rows, fewest):
    workspaces, units, texts = ([row[n] for row in rows] for n in range(3))

    answers = reduced(texts, units=units, workspaces=workspaces, fewest=fewest)

    assert len(answers) == len(rows)
    for workspace, text, answer in zip(workspaces, texts, answers, strict=True):
        for mask in Capitals()._masks(text):
            content = text[mask.start : mask.end]
            if content in answer.split():
                sharing = {u for w, u, t in rows if u and w == workspace and content in t.split()}
                assert len(sharing) >= fewest
                assert mask.name != "<EMAIL_ADDRESS>"
                assert content != "47110"
