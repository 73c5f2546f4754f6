"""Write Dagster's own settings: its data stay in the warehouse's directory, nothing is sent anywhere."""

from pathlib import Path

import yaml

from warehouse.files import replace_text
from warehouse.home import Home

CONFIG = "dagster.yaml"
# Ticks are kept as long as somebody may ask why nothing ran.
KEEP_TICKS_DAYS = 30
# A run that was killed gives its pool slots back.
FREE_SLOTS_AFTER_S = 120
# Two cores: one run that ingests beside one that builds.
MOST_RUNS = 2


def write_instance_config(home: Home) -> Path:
    """Write `dagster.yaml` below the home's Dagster directory, whole; return its path."""
    home.create()
    path = home.dagster / CONFIG
    header = "# Written by `wasms dev` at every start (pipelines/orchestration/instance.py).\n"
    replace_text(path, header + yaml.safe_dump(_settings(home), sort_keys=False))
    return path


def _settings(home: Home) -> dict[str, object]:
    return {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "storage": {"sqlite": {"base_dir": str(home.dagster / "storage")}},
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(home.dagster / "artifacts")},
        },
        "compute_logs": {
            "module": "dagster._core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(home.dagster / "compute_logs")},
        },
        # The terminal shows what needs somebody; the UI shows everything.
        "python_logs": {"python_log_level": "INFO"},
        "concurrency": {
            "runs": {"max_concurrent_runs": MOST_RUNS},
            # Every pool is one slot: the writer's, and one per feed.
            "pools": {"granularity": "op", "default_limit": 1},
        },
        "freshness": {"enabled": True},
        "run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": FREE_SLOTS_AFTER_S},
        # A run whose process died starts again; an op that failed has been retried by its own policy.
        "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
        "retention": {tick: {"purge_after_days": KEEP_TICKS_DAYS} for tick in ("schedule", "sensor")},
    }
