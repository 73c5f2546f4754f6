"""Put together who lives in the generated world: workspaces, members, templates and contacts."""

from dataclasses import dataclass

from pipelines.synthetic.contacts import Contacts, make_contacts
from pipelines.synthetic.countries import countries
from pipelines.synthetic.names import Pool, make_pool
from pipelines.synthetic.spec import WorldSpec
from pipelines.synthetic.workspaces import (
    Member,
    Template,
    Workspace,
    make_members,
    make_templates,
    make_workspaces,
)


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody. ``languages`` are the codes that ``Contacts.language`` points into."""

    spec: WorldSpec
    pool: Pool
    languages: tuple[str, ...]
    workspaces: tuple[Workspace, ...]
    members: tuple[Member, ...]
    templates: tuple[Template, ...]
    contacts: Contacts


def populate(spec: WorldSpec) -> Population:
    """Make everybody who lives in the world of ``spec``."""
    pool = make_pool(spec.seed)
    languages = tuple(sorted({code for c in countries() for code in c.languages}))
    workspaces = make_workspaces(spec, pool)
    return Population(
        spec=spec,
        pool=pool,
        languages=languages,
        workspaces=workspaces,
        members=make_members(spec, pool, workspaces),
        templates=make_templates(spec, workspaces),
        contacts=make_contacts(spec, pool, workspaces, languages),
    )
