"""Make the assets of the published copy and of the pages over it.

The copy's checks are the threshold and the attacks on everything new. No job makes the pages, for they take
longer than a night's other work.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from pipelines.disclosure.attacks.suite import ATTACKS
from pipelines.orchestration.keys import (
    NIGHTLY,
    PORTAL,
    PUBLISHED,
    RETRIES,
    WRITER_POOL,
    team,
    values_stay_inside,
)
from pipelines.orchestration.resources import Warehouse
from warehouse.store.connection import identifier
from warehouse.store.session import open_session

if TYPE_CHECKING:
    from pipelines.disclosure.utility import Variant

# Said again on purpose, beside dbt's variables: a slip there must be caught here.
MINIMUM_CONTACTS = 11
ROUNDING_BASE = 7
# The column of cubes and marts that holds distinct contacts.
CONTACTS_COLUMN = "audience_contacts"
THRESHOLD = "threshold"
# Whole numbers that count no people, but workspaces.
_NO_COUNTS = ["workspaces", "workspaces_counted", "workspaces_total"]


def published_asset(tables: Collection[dg.AssetKey]) -> dg.AssetsDefinition:
    """Make the asset of the published copy of all cubes and marts."""
    attacked = "Everything new was attacked together before it was published: nothing came out. Attack: {}."

    @dg.multi_asset(
        name="publish_copy",
        description="Checks the threshold again, attacks what is new, then replaces the published copy.",
        specs=[
            dg.AssetSpec(
                key=PUBLISHED,
                deps=list(tables),
                group_name="published",
                owners=[team("analytics")],
                description="`published/marts.duckdb`: a copy of cubes and the marts over them, replaced as "
                "a whole. Analysts open it read-only and never meet a lock.",
                kinds={"duckdb"},
                tags={"zone": "published"},
                freshness_policy=NIGHTLY,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                THRESHOLD,
                asset=PUBLISHED,
                blocking=True,
                description=f"Every count of any cube or mart is a multiple of {ROUNDING_BASE}, and no row "
                f"of a day counts fewer than {MINIMUM_CONTACTS} contacts. Else nothing is published.",
            ),
            *(
                dg.AssetCheckSpec(f"attack_{name}", asset=PUBLISHED, description=attacked.format(name))
                for name in ATTACKS
            ),
        ],
        pool=WRITER_POOL,
        retry_policy=RETRIES,
    )
    def _published(warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with values_stay_inside():
            found = publish_if_allowed(warehouse)
        yield found.threshold
        found.raise_refused()
        yield dg.MaterializeResult(asset_key=PUBLISHED, metadata=found.metadata)
        yield from found.attacks

    return _published


class Publication(NamedTuple):
    """Hold what the checks found; if the threshold passed, also what the UI shows of the published copy."""

    threshold: dg.AssetCheckResult
    attacks: Sequence[dg.AssetCheckResult] = ()
    metadata: Mapping[str, Any] = {}

    def raise_refused(self) -> None:
        """Fail the step if nothing was published.

        Raises:
            dg.Failure: Rows are below the threshold.
        """
        if not self.threshold.passed:
            raise dg.Failure(
                description="Rows are below the threshold. Nothing was published.", allow_retries=False
            )


def publish_if_allowed(warehouse: Warehouse) -> Publication:
    """Look at the threshold; if no row is below it, release and publish what is new."""
    from pipelines.marts.release import release_and_publish
    from pipelines.marts.release_report import measured_utility

    threshold = threshold_result(warehouse)
    if not threshold.passed:
        return Publication(threshold)
    runtime = warehouse.runtime
    released = release_and_publish(runtime.store)
    published = released.published
    utility = measured_utility(*runtime, released.days) if released.days else None
    tried = {each.attack: each for each in released.attacks}
    results = [
        dg.AssetCheckResult(
            asset_key=PUBLISHED,
            check_name=f"attack_{name}",
            # What finds something stops the publication: what is published has withstood.
            passed=name not in tried or not tried[name].findings,
            metadata={
                "tried": tried[name].tried if name in tried else 0,
                "times_taken_back": released.rounds,
            },
        )
        for name in ATTACKS
    ]
    metadata = {
        "dagster/row_count": published.rows,
        "rows_by_table": dict(published.tables),
        "bytes": runtime.store.home.published_path.stat().st_size,
        **({"utility": _utility_table(utility)} if utility else {}),
    }
    return Publication(threshold, results, metadata)


def threshold_result(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Count the rows of cubes and marts that count too few contacts, or of which a count is not rounded."""
    wrong = {}
    with open_session(warehouse.runtime.store.home, schemas={}, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name, list(column_name) from duckdb_columns() "
            "where database_name = 'warehouse' and schema_name in ('cubes', 'marts') "
            "and data_type = 'BIGINT' and column_name not in (select unnest(?)) group by all order by all",
            [_NO_COUNTS],
        ).fetchall()
        for schema, name, counts in tables:
            rules = [f"{identifier(column)} % {ROUNDING_BASE} <> 0" for column in counts]
            if CONTACTS_COLUMN in counts and name.endswith("_daily"):
                # However far it was rounded down, so many people have more than the step below.
                rules.append(f"{CONTACTS_COLUMN} <= {MINIMUM_CONTACTS - ROUNDING_BASE}")
            row = connection.execute(
                f"select count(*) filter ({' or '.join(rules)}) from warehouse.{schema}.{identifier(name)}"
            ).fetchone()
            if row and row[0]:
                wrong[f"{schema}.{name}"] = int(row[0])
    return dg.AssetCheckResult(
        asset_key=PUBLISHED,
        check_name=THRESHOLD,
        passed=not wrong,
        metadata={
            "tables": len(tables),
            "rows_wrong": wrong,
            "threshold": MINIMUM_CONTACTS,
            "base": ROUNDING_BASE,
        },
    )


def _utility_table(found: "Variant") -> dg.TableMetadataValue:
    """Return published against true counts of the days that are new."""
    from pipelines.disclosure.utility import HEADINGS, described

    return dg.MetadataValue.table([dg.TableRecord(dict(zip(HEADINGS, described(found), strict=True)))])


def portal_asset() -> dg.AssetsDefinition:
    """Make the asset of the folder of pages over the published copy."""

    @dg.asset(
        key=PORTAL,
        deps=[PUBLISHED],
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
