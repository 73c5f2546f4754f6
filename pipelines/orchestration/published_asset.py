"""Make the asset of the published copy, with the attacks on everything new as its checks."""

from collections.abc import Iterable

import dagster as dg

from pipelines.disclosure.attacks.suite import ATTACKS
from pipelines.disclosure.utility import HEADINGS, Variant, described, utility_of_release
from pipelines.marts.release import release_and_publish
from pipelines.orchestration.keys import RETRIES, WRITER_POOL, published_key, team, values_stay_inside
from pipelines.orchestration.resources import Warehouse


def published_asset(tables: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """Make the asset of the published copy of all cubes and marts."""

    @dg.asset(
        key=published_key(),
        deps=list(tables),
        group_name="published",
        owners=[team("analytics")],
        description="`published/marts.duckdb`: a copy of cubes and the marts over them, replaced as a whole. "
        "Analysts open it read-only and never meet a lock.",
        kinds={"duckdb"},
        tags={"zone": "published"},
        pool=WRITER_POOL,
        retry_policy=RETRIES,
        check_specs=[
            dg.AssetCheckSpec(
                name=f"attack_{name}",
                asset=published_key(),
                blocking=True,
                description="Everything new was attacked together before it was published: nothing came out.",
            )
            for name in ATTACKS
        ],
    )
    def _published(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster 1.13: bare, where there are checks
        runtime = warehouse.runtime
        with values_stay_inside():
            released = release_and_publish(runtime.store)
            published = released.published
            utility = utility_of_release(*runtime, released.days) if released.days else None
            size = runtime.store.home.published_path.stat().st_size
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": published.rows,
                "rows_by_table": dict(published.tables),
                "bytes": size,
                **({"utility": _utility_table(utility)} if utility else {}),
            },
            # What finds something stops the publication: what is published has withstood.
            check_results=[
                dg.AssetCheckResult(
                    check_name=f"attack_{each.attack}",
                    passed=not each.findings,
                    metadata={"tried": each.tried, "times_taken_back": released.rounds},
                )
                for each in released.attacks
            ],
        )

    return _published


def _utility_table(found: Variant) -> dg.TableMetadataValue:
    """Return published against true counts of the days that are new."""
    return dg.MetadataValue.table([dg.TableRecord(dict(zip(HEADINGS, described(found), strict=True)))])
