"""Marts written by hand that set numbers of cubes beside what they are a part of."""

from datetime import date

import pytest
import yaml

from pipelines.codegen.model_sql import DBT_PROJECT

MAY = date(2026, 5, 1)


@pytest.fixture
def mart(sql):
    """Return rows of a mart over rows of other models, of which columns that are not named are empty."""
    sql.connection.execute("create macro surrogate(w, kind, value) as kind || ' ' || value")

    def ask(name, columns, **models):
        for model, rows in models.items():
            (path,) = DBT_PROJECT.glob(f"models/*/{model}.yml")
            (declared,) = yaml.safe_load(path.read_text("utf-8"))["models"]
            listed = ", ".join(f"{each['name']} {each['data_type']}" for each in declared["columns"])
            # Beside a view of the same name, and found before it.
            sql.connection.execute(f"create or replace temp table {model} ({listed})")
            sql.load(model, rows)
        query = f"select {columns} from ({sql.models.model(name)}) order by all"
        return sql.connection.execute(query).fetchall()

    return ask


@pytest.mark.parametrize(
    ("name", "dimension", "attempted"),
    [
        (
            "countries",
            "failure_country",
            {"cube_countries_monthly": [{"month": MAY, "contact_country": "DE", "attempted_messages": 700}]},
        ),
        (
            "channels",
            "failure_channel",
            {
                "cube_campaign_daily": [
                    {"send_date": day, "level": "channel", "channel": "DE", "attempted_messages": 350}
                    for day in (MAY, date(2026, 5, 31))
                ]
            },
        ),
    ],
)
def test_failures_stand_beside_all_messages_of_their_country_or_channel(mart, name, dimension, attempted):
    failed = {"month": MAY, "workspace_key": "w"}
    values = [("undeliverable DE", 35), ("blocked DE", 7), ("blocked FR", 14), ("other", 21), ("unknown", 0)]
    attempted = {cube: [row | {"workspace_key": "w"} for row in rows] for cube, rows in attempted.items()}
    part = {"countries": "contact_country", "channels": "channel"}[name]

    rows = mart(
        f"mart_failure_{name}_monthly",
        f"error_class, {part}, failed_messages, attempted_messages, failure_rate",
        **attempted,
        **{
            f"cube_failure_{name}_monthly": [failed | {dimension: v, "failed_messages": n} for v, n in values]
        },
        dim_published_workspaces=[],
    )

    assert rows == [
        ("blocked", "DE", 7, 700, 0.01),
        ("blocked", "FR", 14, None, None),
        ("other", "other", 21, None, None),
        ("undeliverable", "DE", 35, 700, 0.05),
    ]


@pytest.mark.parametrize(("contacts", "label"), [(11, "/spring"), (10, None)])
def test_a_link_has_the_path_that_enough_contacts_were_led_to(mart, contacts, label):
    cell = {"level": "campaign", "workspace_key": "workspace w", "link_key": "link l"}
    clicks = [
        {"workspace_id": "w", "link_id": "l", "contact_token": f"c{n}", "target_url": url}
        for n in range(contacts)
        for url in ("https://shop.example/spring?u=<ID>", f"https://shop.example/own/{n}")
    ]

    rows = mart(
        "dim_published_links",
        "link_key, link_path",
        cube_clicks_daily=[cell, cell | {"link_key": "other"}],
        int_link_clicks=clicks,
    )

    assert rows == ([("link l", label)] if label else [])


def test_links_and_revenue_stand_beside_the_messages_of_the_campaign(mart):
    campaign = {"workspace_key": "w", "campaign_key": "c"}
    cells = [campaign | {"level": "campaign", "send_date": MAY.replace(day=day)} for day in (1, 2)]
    named = {
        "cube_campaign_daily": [cell | {"delivered_messages": 100, "clicked_messages": 14} for cell in cells],
        "dim_published_workspaces": [],
        "dim_published_campaigns": [campaign | {"campaign_name": "Spring"}],
    }

    links = mart(
        "mart_campaign_links",
        "campaign_name, link_path, delivered_messages, clicks, clicks_per_delivered_message",
        dim_published_links=[{"workspace_key": "w", "link_key": "l", "link_path": "/spring"}],
        **named,
        cube_clicks_daily=[cell | {"link_key": "l", "clicks": 7, "automatic_clicks": 0} for cell in cells],
    )
    revenue = mart(
        "mart_campaign_revenue",
        "campaign_name, revenue_currency, conversions, revenue_amount::double, revenue_per_delivered_message",
        **named,
        cube_conversions_daily=[
            cell | {"revenue_currency": currency, "conversions": conversions, "revenue_micros": micros}
            for cell in cells
            for currency, conversions, micros in (
                ("EUR", 7, 448_000_000),
                ("GBP", 7, 0),
                ("USD", 0, 0),
                ("unknown", 7, 7),
            )
        ],
    )

    assert links == [("Spring", "/spring", 200, 14, 0.07)]
    assert revenue == [
        ("Spring", "EUR", 14, 896.0, 4.48),
        # Rounded down to nothing: what people bought is not known.
        ("Spring", "GBP", 14, None, None),
        ("Spring", "unknown", 14, None, None),
    ]


def test_revenue_of_a_month_is_empty_where_it_was_rounded_down_beside_conversions(mart):
    cell = {"month": MAY, "level": "workspace", "workspace_key": "w"}

    rows = mart(
        "mart_conversions_monthly",
        "revenue_currency, conversions, revenue_amount::double",
        cube_conversions_monthly=[
            cell | {"revenue_currency": currency, "conversions": conversions, "revenue_micros": micros}
            for currency, conversions, micros in (("BRL", 0, 0), ("EUR", 7, 448_000_000), ("GBP", 7, 0))
        ],
        cube_coverage_monthly=[],
        dim_published_workspaces=[],
    )

    assert sorted(rows) == [("BRL", 0, 0.0), ("EUR", 7, 448.0), ("GBP", 7, None)]
