"""dbt's semantic models say what the declarations say, and never add rows of two levels up."""

import pytest
import yaml

from pipelines.cube import load_cubes
from pipelines.dbt_semantics import PATH, semantic_files
from pipelines.metrics.metric import load_metrics, load_tables

METRICS = load_metrics()


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(semantic_files(METRICS, load_tables())[PATH])


def test_every_measure_of_every_cube_is_there_and_people_are_never_added_up(document):
    models = {model["name"]: model for model in document["semantic_models"]}
    for cube in load_cubes().values():
        if cube.cube == "cube_tariffs_monthly":
            continue
        model = models[cube.cube.removeprefix("cube_")]
        kinds = {each["expr"]: each["agg"] for each in model["measures"]}
        assert kinds == {m.name: "max" if m.units is not None else "sum" for m in cube.measures}


def test_every_metric_but_latencies_and_costs_is_there(document):
    named = {metric["name"] for metric in document["metrics"]}
    missing = {
        name
        for name in METRICS
        if not any(candidate in named for candidate in (name, f"workspace_{name}", f"campaign_{name}"))
    }
    assert missing == {name for name in METRICS if "latency" in name or "cost" in name}
    assert len(METRICS) - len(missing) >= 40


def test_every_metric_reads_one_level_and_the_total_of_its_dimension(document):
    models = {each["name"]: model for model in document["semantic_models"] for each in model["measures"]}
    for metric in document["metrics"]:
        if metric["type"] == "ratio":
            continue
        model = models[metric["type_params"]["measure"]]
        entity = model["primary_entity"]
        assert metric["filter"].count(f"Dimension('{entity}__level')") == 1
        dimensions = {d["name"] for d in model["dimensions"] if d["type"] == "categorical"}
        free = {cube.dimension.name for cube in load_cubes().values() if cube.dimension} & dimensions
        for name in free:
            assert f"Dimension('{entity}__{name}') }}}} = 'all'" in metric["filter"]


def test_both_numbers_of_a_rate_are_shown_where_it_is_taken(document):
    simple = {metric["name"]: metric for metric in document["metrics"] if metric["type"] == "simple"}
    rate = next(metric for metric in document["metrics"] if metric["name"] == "read_rate")
    for part in rate["type_params"].values():
        for measure in ("read_messages", "delivered_messages"):
            assert f"{measure}_flag') }}}} is null" in simple[part]["filter"]
