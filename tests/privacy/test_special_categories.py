"""A name of a campaign or a path that labels its whole audience becomes the category of what it says."""

import polars as pl
import pytest

from anonymizers.text.settings import load_settings
from anonymizers.url import scrubbed_urls
from tests.support.scrubbers import scrubber_of

SETTINGS = load_settings()
CLASSES = {
    "<HEALTH>": (
        "Dialysis shuttle|hiv_reminder_v2|Brustkrebs Vorsorge|Grupo ansiedad|Gestantes palestra|Autisme"
        "|Pasien hemodialisa|gravidanza corso|Diyabet hastaları"
    ),
    "<RELIGION>": (
        "Church choir rehearsal|Kirchenchor Probe|Iglesia boletín|Igreja Batista culto|Paroisse bulletin"
        "|Jemaat gereja|Parrocchia avvisi|Cami cemaati"
    ),
    "<SEXUALITY>": "Gay men's chorus|lgbt_newsletter|Lesben Stammtisch|Mulheres lésbicas|trans youth group",
    "<UNION>": "Union reps training|Gewerkschaft Warnstreik|Sindicato asamblea|adhérents CFDT|serikat buruh",
    "<POLITICS>": "Labour party members|SPD Ortsverein|militantes PSOE|kader partai|AfD Stammtisch",
    "<ORIGIN>": "Refugees intake|Asylberatung|migrantes sin papeles|Roma families|réfugiés accueil",
}
LABELLING = [(name, category) for category, names in CLASSES.items() for name in names.split("|")]
HARMLESS = [
    "Cancer Zodiac Necklace", "Krebs Sternzeichen Kette", "Credit Union Savings", "Union Square Store",
    "Party Supplies Sale", "Mass Clearance", "Black Friday Sale", "Roma Tomatoes", "Linke Hand Schere",
    "Partido amistoso entradas", "Christmas Market", "Depression Era Furniture", "Bible Paper Notebook",
    "Pride and Prejudice Tickets", "Handicapped Parking Paint",
]  # fmt: skip


def wrong(settings):
    """Return the names that do not become their category."""
    shown = scrubber_of(settings).scrub([name for name, _ in LABELLING])
    return [name for (name, category), text in zip(LABELLING, shown, strict=True) if text != category]


def test_what_labels_a_whole_audience_becomes_its_category():
    assert wrong(SETTINGS) == []


def test_what_only_looks_so_keeps_its_words():
    shown = scrubber_of(SETTINGS).scrub(HARMLESS)

    assert [text for text in shown if any(category in text for category in CLASSES)] == []


def test_a_segment_of_a_path_becomes_its_category():
    urls = pl.Series(["/clinic/abortion/booking", "/groups/gay-men", "/shop/party-supplies"])

    assert scrubbed_urls(urls, scrubber=scrubber_of(SETTINGS)).to_list() == [
        "/clinic/<HEALTH>/booking",
        "/groups/<SEXUALITY>",
        "/shop/party-supplies",
    ]


@pytest.mark.parametrize("category", CLASSES)
def test_twin_without_the_words_of_a_category_its_names_show(category):
    without = tuple(one for one in SETTINGS.recognizers if f"<{one.supported_entity}>" != category)

    shown = wrong(SETTINGS.model_copy(update={"recognizers": without}))

    assert len(shown) >= 0.8 * sum(each == category for _, each in LABELLING)
