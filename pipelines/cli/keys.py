"""Define `wasms keys`: which published key stands for which workspace, template and campaign."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.options import HomeOption, JsonOption, OutputOption, runtime_at
from pipelines.cli.reading import restricted_zone
from pipelines.cli.report import show_rows
from pipelines.declarations.errors import PipelineError, UnknownNameError

if TYPE_CHECKING:
    import duckdb

    from warehouse.keys.keyring import KeyStore

app = typer.Typer(no_args_is_help=True, help="Show which published keys stand for which ids.")

_WARNING = "With this list, published rows are those of a named customer: keep no copy."
_LISTED_BY = "wasms sql --restricted 'select workspace_id from dim_workspaces'"
_IDS = """
    select kind, id, name
    from (
        select 1 as place, 'workspace' as kind, workspace_id as id, workspace_name as name
        from dim_workspaces where workspace_id = $workspace
        union all
        select 2, 'template', template_id, template_name from dim_templates where workspace_id = $workspace
        union all
        select 3, 'campaign', campaign_id, campaign_name from dim_campaigns where workspace_id = $workspace
    )
    order by place, id"""
_PUBLISHED = """
    select workspace_key from warehouse.marts.dim_published_workspaces
    union select campaign_key from warehouse.marts.dim_published_campaigns
    union select template_key from warehouse.marts.dim_published_templates"""


@app.callback()
def _group() -> None:
    """Keep `names` a command of its own."""


@app.command()
def names(
    workspace: Annotated[str, typer.Option("--workspace", metavar="ID", help="The workspace.")],
    as_json: JsonOption = False,
    output: OutputOption = None,
    home: HomeOption = None,
) -> None:
    """List the ids of a workspace and of its templates and campaigns with their published keys and names.

    Needs the keys, and is logged. A file can be read by its owner only.
    """
    from warehouse.retention import records

    runtime = runtime_at(home)
    # The ledger keeps no workspace's id.
    who = records.subject(records.subject_key(runtime.store.keyring), workspace)
    with restricted_zone(runtime, what=f"keys names {who}", warning=_WARNING) as connection:
        rows = [*_named(connection, workspace, runtime.store.keyring)]
    if output is not None:
        output.touch(mode=0o600)
        output.chmod(0o600)
    show_rows(rows, as_json=as_json, output=output)


class _NothingPublishedError(PipelineError):
    """A workspace has no published row yet, so it has no key for surrogates."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"Nothing of {workspace} was published yet, so it has no published keys.")


def _named(
    connection: "duckdb.DuckDBPyConnection", workspace: str, keyring: "KeyStore"
) -> Iterator[dict[str, object]]:
    from pipelines.disclosure.surrogates import surrogate
    from warehouse.keys.keyring import Purpose

    found = connection.execute(_IDS, {"workspace": workspace}).fetchall()
    if not found:
        every = connection.execute("select workspace_id from dim_workspaces").fetchall()
        raise UnknownNameError("workspace", workspace, [name for (name,) in every], listed_by=_LISTED_BY)
    # Looked up, not made: a new key would outlive the account.
    if not keyring.has(Purpose.SURROGATE, workspace):
        raise _NothingPublishedError(workspace)
    key = keyring.find(Purpose.SURROGATE, workspace)
    published = {name for (name,) in connection.execute(_PUBLISHED).fetchall()}
    for kind, id_, name in found:
        stands_for = surrogate(key, kind, id_)
        yield {
            "kind": kind,
            "id": id_,
            "key": stands_for,
            "name": name,
            "is_published": stands_for in published,
        }
