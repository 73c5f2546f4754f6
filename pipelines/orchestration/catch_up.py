"""Make the job that catches up after an outage: all that waits, in the right order, by one button."""

import dagster as dg

from pipelines.orchestration.assets import take_in
from pipelines.orchestration.checks import report_checks
from pipelines.orchestration.dbt_assets import refuse_unsound
from pipelines.orchestration.keys import RETRIES, WRITER_POOL, values_stay_inside
from pipelines.orchestration.published_asset import publish_if_allowed
from pipelines.orchestration.reported import report_unseen
from pipelines.orchestration.resources import Warehouse
from pipelines.orchestration.retention_assets import delete_due
from pipelines.sources.inbox import feeds

CATCH_UP = "catch_up"


@dg.op(name="all_that_is_due", pool=WRITER_POOL, retry_policy=RETRIES)
def _catch_up(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Load the inbox, delete what is due, build what closed, publish; report all of it."""
    from pipelines.run import RunSummary, build_closed

    declarations, store = warehouse.runtime
    with values_stay_inside():
        taken = take_in(warehouse, feeds(declarations.contracts))
        try:
            deleted = delete_due(warehouse)
            refuse_unsound(context.instance, warehouse)
            summary = RunSummary()
            build_closed(declarations, store, warehouse.now(), summary)
            _publish(context, warehouse)
        finally:
            report_unseen(context.instance, declarations, store)
    context.add_output_metadata(
        {
            "files_taken_in": taken.files.total(),
            "rows_deleted": deleted["rows_deleted"],
            "slices_built": [f"{first} to {last}" for first, last in summary.slices],
        }
    )
    taken.raise_problems()


def _publish(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Publish, and report the checks of it; before the first day is built there is nothing to publish."""
    if not warehouse.runtime.store.ledger.built_until():
        return
    found = publish_if_allowed(warehouse)
    report_checks(context.instance, [found.threshold, *found.attacks])
    found.raise_refused()


@dg.job(
    name=CATCH_UP,
    description="The button after an outage: takes in what waits, deletes what is past its window, then "
    "builds all days and months that closed, and publishes. No days to choose; it may run at any time.",
)
def catch_up_job() -> None:
    """Run the op alone: it spans all assets."""
    _catch_up()
