"""A declaration that breaks a rule of disclosure control does not load, and says why."""

from importlib.resources import files

import pytest
import yaml

from pipelines.declarations.cube import cube_of, load_cubes, shared_measures
from pipelines.declarations.disclosure import load_disclosure
from pipelines.declarations.errors import CubeError

GOOD = """
cube: cube_trials_daily
description: Messages by reason.
facts: slice_messages
levels: [workspace, campaign]
dimension: {name: reason, sql: reason, description: Why., values: [busy, gone]}
measures:
  - {name: attempted_messages, rows: is_attempted, description: Attempted.}
  - {name: failed_messages, rows: is_failed, at_most: attempted_messages, description: Failed.}
"""
COUNTRY = {"name": "country", "sql": "contact_country", "description": "Where.", "is_static": True}


def changed(**fields):
    return yaml.safe_dump({**yaml.safe_load(GOOD), **fields})


@pytest.mark.parametrize(
    ("case", "text", "reason"),
    [
        (
            "regroups from the store",
            changed(facts="slice_month_messages", cube="cube_trials_monthly"),
            "campaign is not a level of the spine .* a second hierarchy",
        ),
        (
            "two free dimensions",
            changed(dimension=[COUNTRY, COUNTRY]),
            "two free dimensions: .* by subtraction",
        ),
        (
            "a measure nobody declared",
            changed(measures=["strange"]),
            "strange: not in pipelines/measures.yml",
        ),
        ("a static attribute by the day", changed(dimension=COUNTRY), "only per workspace and month"),
        ("a lower threshold", changed(minimum_units=10), "greater than or equal to 11"),
        ("unknown facts", changed(facts="stg_app__messages"), "not facts of a slice; known: slice_messages"),
        (
            "a word of the cube's own",
            changed(dimension={**COUNTRY, "is_static": False, "values": ["other"]}),
            "`all` or `other`",
        ),
        ("a misspelt field", changed(mesures=[]), "Extra inputs are not permitted"),
        (
            "a whole that comes later",
            changed(measures=[{"name": "a", "rows": "true", "at_most": "b", "description": "A."}]),
            "must be a measure declared before it",
        ),
        (
            "a part that nobody declared",
            changed(measures=[{"name": "a", "rows": ["strange"], "description": "A."}]),
            "strange: no such part",
        ),
        (
            "two things at once",
            changed(measures=[{"name": "a", "rows": "true", "sum": "segments", "description": "A."}]),
            "give one of `units`, `rows` and `sum`",
        ),
    ],
)
def test_what_would_not_be_anonymous_does_not_load(case, text, reason):
    with pytest.raises(CubeError, match=reason):
        cube_of(yaml.safe_load(text), yaml.safe_load(text)["cube"])


def test_a_declaration_says_what_names_a_cell():
    cube = cube_of(yaml.safe_load(GOOD), "cube_trials_daily")

    assert cube.keys == (
        "send_date",
        "level",
        "workspace_key",
        "channel",
        "message_category",
        "template_key",
        "campaign_key",
        "reason",
    )


def test_all_declared_cubes_load_and_none_goes_below_the_threshold():
    cubes = load_cubes().values()

    assert len(cubes) >= 20
    assert min(cube.minimum_units for cube in cubes) >= load_disclosure().minimum_contacts == 11


def test_what_several_cubes_count_is_declared_once_and_named():
    cube = cube_of(
        yaml.safe_load(changed(measures=["attempted_messages", "delivered_messages"])), "cube_trials_daily"
    )
    assert [(piece.name, measures) for piece, measures in cube.pieces.items()] == [
        (
            "rejected_or_failed_before_sending_or_failed_after_sending_or_waiting_or_on_its_way",
            ("attempted_messages",),
        ),
        ("reading_not_reported_or_unread_or_read", ("attempted_messages", "delivered_messages")),
    ]


def test_no_cube_writes_down_again_what_it_could_name():
    known = {name: measure.model_dump(exclude_none=True) for name, measure in shared_measures().items()}
    for path in (files("pipelines") / "cubes").iterdir():
        for measure in yaml.safe_load(path.read_text("utf-8"))["measures"]:
            assert isinstance(measure, str) or known.get(measure["name"]) != measure, path.name
