"""One lateness horizon, in the contracts and in dbt alike."""

from datetime import date, datetime

import pytest
import yaml

from pipelines.closing import last_closed_day
from pipelines.contract import load_contracts
from pipelines.marts import DBT_PROJECT


def test_dbt_looks_as_far_as_the_latest_contract():
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text("utf-8"))

    assert project["vars"]["lateness_days"] == max(c.lateness_days for c in load_contracts().values())


@pytest.mark.parametrize(
    ("as_of", "closed"),
    [(datetime(2026, 5, 20, 23, 59), date(2026, 5, 11)), (datetime(2026, 3, 2), date(2026, 2, 21))],
)
def test_a_day_closes_after_its_horizon_and_two_more_days(as_of, closed):
    assert last_closed_day(as_of, lateness_days=7) == closed
