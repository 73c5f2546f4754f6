"""What is kept between runs of dbt."""

import json
import shutil

from pipelines.marts import dbt_runs
from warehouse.home import Home


def test_a_checkout_reads_its_own_seeds_whatever_another_one_read_before(tmp_path, monkeypatch):
    """What dbt keeps says where the seeds lie: those of another checkout may be others, or gone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "wasms").mkdir(parents=True)
    project = dbt_runs.DBT_PROJECT
    read = []
    for name, home in (("first", "old"), ("second", "new"), ("second", "old")):
        checkout, warehouse = tmp_path / name, Home(tmp_path / home)
        warehouse.dbt_target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(
            project, checkout, ignore=shutil.ignore_patterns("models", "tests", "macros"), dirs_exist_ok=True
        )
        monkeypatch.setattr(dbt_runs, "DBT_PROJECT", checkout)
        manifest = json.loads(dbt_runs.parse(warehouse).read_text())
        read.append({node["root_path"] for node in manifest["nodes"].values() if "root_path" in node})
        shutil.rmtree(checkout)

    assert read == [{str(tmp_path / name)} for name in ("first", "second", "second")]
