"""Worlds whose truth is known: the build gives little away, a weakened one all that it was to hide."""

from contextlib import closing

import numpy as np
import polars as pl
import pytest

from pipelines.codegen.model_sql import ModelSql
from pipelines.declarations.cube import load_cubes
from pipelines.disclosure.attacks.inference import Advantage, features_of, membership_by_stranger
from pipelines.disclosure.attacks.lab import INSIDER, OUTLIERS, STRANGER, infer, outliers_of
from pipelines.disclosure.attacks.repetition import REPETITIONS, repeat
from pipelines.disclosure.attacks.worlds import EXACT, Base, Weakening, Worlds, draw_keys
from warehouse.store.connection import connect

CONTACTS = 120
CUBES = load_cubes()
MODELS = ModelSql()
KEYS = ["workspace_key", "channel", "message_category", "template_key", "campaign_key"]
FLAGS = ("accepted", "sent", "delivered", "clicked", "converted", "replied_24h", "opted_out", "failed")


def base():
    """One campaign of a day to 9 of 10 contacts, of whom 6 of 10 read; one contact is from abroad."""
    numbers = np.arange(CONTACTS)
    messages = pl.DataFrame({"contact": numbers[numbers % 10 > 0]}).with_columns(
        pl.lit("c").alias("campaign_ref"),
        pl.lit("sms").alias("channel"),
        pl.lit("marketing").alias("message_category"),
        pl.lit("t").alias("template_ref"),
        pl.lit(value=True).alias("is_attempted"),
        (pl.col("contact") % 10 < 7).alias("is_read"),
        pl.lit(value=True).alias("is_readable"),
        (pl.col("contact") % 4 == 0).alias("is_replied_72h"),
        *(pl.lit(name in ("accepted", "sent", "delivered")).alias(f"is_{name}") for name in FLAGS),
        *(pl.lit(None, pl.String).alias(name) for name in ("skip_reason", "provider_error_class")),
        *(pl.lit("5min").alias(f"{name}_latency_bin") for name in ("delivery", "read")),
        pl.lit(1).alias("segments"),
    )
    country = pl.when(pl.col("contact") == 1).then(pl.lit("NL")).otherwise(pl.lit("DE"))
    month = messages.with_columns(
        country.alias("contact_country"),
        pl.lit("de").alias("contact_language"),
        pl.lit("2026-Q1").alias("first_contact_quarter"),
        *(pl.lit("mon-09").alias(f"{name}_hour") for name in ("send", "read", "click", "reply")),
        pl.lit("twilio").alias("provider"),
        pl.lit(None, pl.String).alias("provider_error_code"),
        pl.format("sms marketing {} EUR", country).alias("tariff"),
        pl.lit("EUR").alias("cost_currency"),
        pl.lit(0.05).alias("cost_amount"),
    )
    clicks = pl.DataFrame({"contact": [], "campaign_ref": [], "link_key": []}).with_columns(
        pl.col("contact").cast(pl.Int64),
        pl.col("campaign_ref", "link_key").cast(pl.String),
        pl.lit(value=False).alias("is_automatic"),
    )
    inbound = pl.DataFrame({"contact": [2], "message_type": ["text"], "is_first_in_24h": [True]})
    opt_outs = pl.DataFrame({"contact": [3], "channel": ["sms"], "opt_out_source": ["keyword"]})
    return Base(
        CONTACTS,
        {
            "slice_messages": messages,
            "slice_clicks": clicks,
            "slice_month_messages": month,
            "slice_month_inbound": inbound,
            "slice_month_opt_outs": opt_outs,
        },
    )


def played(tmp_path, weakening):
    found = infer(base(), CUBES, tmp=tmp_path, models=MODELS, weakening=weakening)
    return {(each.attacker, each.secret): each.advantage for each in found}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return played(tmp_path_factory.mktemp("sound"), Weakening())


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    return played(tmp_path_factory.mktemp("exact"), EXACT)


def test_a_stranger_learns_little_of_what_a_contact_did(sound):
    for secret in ("was written to", "read", "replied"):
        assert sound[STRANGER, secret].low <= 0.05, secret


def test_an_insider_learns_little_more_than_from_a_coin(sound):
    assert sound[INSIDER, "read"].power < 0.5


def test_without_rounding_an_insider_knows_everything(exact):
    assert exact[INSIDER, "read"].power > 0.95


def test_the_only_contact_of_a_country_does_not_show(sound):
    assert sound[STRANGER, "is there: only contact of a country"].value < 0.25


def test_without_rounding_the_only_contact_of_a_country_shows(exact):
    assert exact[STRANGER, "is there: only contact of a country"].value > 0.9


def test_contacts_stand_out_by_what_hardly_anybody_else_has():
    model, column, _ = OUTLIERS["is there: only contact of a country"]
    assert outliers_of(base(), model, column).tolist() == [1]


def test_building_again_and_again_gives_the_same_numbers_and_no_way_to_the_truth(tmp_path):
    repeated = repeat(base(), CUBES, tmp=tmp_path, models=MODELS)
    assert (repeated.cells > 50, repeated.changing) == (True, 0)
    assert repeated.error > 0.5


def test_rounded_anew_each_time_the_mean_of_all_answers_is_the_truth(tmp_path):
    repeated = repeat(base(), CUBES, tmp=tmp_path, models=MODELS, has_fixed_keys=False)
    assert repeated.changing > 0
    assert repeated.error < 4 / REPETITIONS**0.5


def test_what_never_changes_tells_nothing():
    cells = pl.DataFrame(
        {
            "world": [0, 1, 0, 1],
            "cell": ["c"] * 4,
            "measure": ["m", "m", "always", "always"],
            "number": [21, 14, 7, 7],
        }
    )
    assert features_of(cells, worlds=2).tolist() == [[21], [14]]


@pytest.mark.parametrize(("effect", "least", "most"), [(0.0, -0.1, 0.1), (8.0, 0.9, 1.0)])
def test_an_advantage_is_what_the_published_number_tells(effect, least, most):
    random = np.random.default_rng(1)
    own = random.integers(0, 2, (2_000, 1)).astype(bool)
    features = random.normal(size=(2_000, 3)) + effect * own

    found = membership_by_stranger(features, own, own.astype(int))

    assert isinstance(found, Advantage)
    assert least <= found.value <= most
    assert found.low <= found.value <= found.high


def test_no_group_of_a_days_spine_has_fewer_people_than_the_threshold_as_pycanon_counts_them(tmp_path):
    anonymity = pytest.importorskip("pycanon.anonymity")
    donors = np.arange(CONTACTS)[np.newaxis]
    with closing(connect(tmp=tmp_path)) as connection:
        Worlds(connection, base(), donors, keys=draw_keys(donors.shape, seed=1), models=MODELS)
        groups = connection.execute(
            f"select distinct leaves.{', leaves.'.join(KEYS)}, unit_token from slice_messages as messages "
            "inner join slice_leaves as leaves using (send_date, workspace_id, campaign_ref)"
        ).df()

    assert anonymity.k_anonymity(groups, KEYS) >= 11
    # The twin: by the contacts' own campaigns of one, somebody stands alone.
    assert anonymity.k_anonymity(groups.assign(campaign_key=groups["unit_token"]), KEYS) == 1
