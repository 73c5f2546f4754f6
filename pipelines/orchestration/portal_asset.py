"""Make the asset of the static pages; no job makes it, for it takes longer than a night's other work."""

import dagster as dg

from pipelines.orchestration.keys import (
    RETRIES,
    WRITER_POOL,
    portal_key,
    published_key,
    team,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse


def portal_asset() -> dg.AssetsDefinition:
    """Make the asset of the folder of pages over the published copy."""

    @dg.asset(
        key=portal_key(),
        deps=[published_key()],
        group_name="published",
        owners=[team("analytics")],
        description="`portal/index.html`: a report of each workspace and of all together, dictionary, "
        "metrics, lineage, windows, attacks and utility. Replaced as a whole; as `wasms portal`.",
        kinds={"html"},
        tags={"zone": "published"},
        # Not while the copy is replaced, or an ended account removed from it.
        pool=WRITER_POOL,
        retry_policy=RETRIES,
    )
    def _portal(warehouse: Warehouse) -> dg.MaterializeResult[None]:
        from pipelines.reports.portal import build_portal

        with values_stay_inside():
            store, declared = warehouse.runtime.store, warehouse.runtime.declarations
            built = build_portal(
                store.home.published_path,
                store.home.portal,
                contracts=declared.contracts,
                policy=declared.policy,
                ledger=store.ledger,
            )
        if built is None:
            raise dg.Failure(description="No day is published yet.", allow_retries=False)
        return dg.MaterializeResult(metadata={"pages": built.pages, "period": built.span.name})

    return _portal
