"""Read the contracts, the one place where each data set is declared."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from types import MappingProxyType
from typing import Self

from pydantic import Field, model_validator

from anonymizers.plan import Plan
from anonymizers.treatments import IdentityKind, KeyScope, ValueType
from pipelines.declarations import strict_yaml
from pipelines.declarations.column import CHANNEL_ZONE, Column
from pipelines.declarations.errors import ContractError, UnknownNameError
from pipelines.declarations.kept_documents import kept_documents
from pipelines.declarations.strict_yaml import Strict

WORKSPACE_PATTERN = "[A-Za-z0-9_-]{1,64}"
PLATFORM_WORKSPACE = "_platform"

# What a contact is known by, the first of them that is known before the others.
OF_CONTACTS = (IdentityKind.PHONE, IdentityKind.WHATSAPP_USER, IdentityKind.EMAIL, IdentityKind.CONTACT)
# Of eleven message ids nobody knows whether they are eleven people's.
_PEOPLE = frozenset({*OF_CONTACTS, IdentityKind.MEMBER})
# Added by the engine and the store: a column of that name would take their place.
_RESERVED = frozenset({"entity_id", "event_date", "event_id", "received_at", "retention_days"})


class Reader(StrEnum):
    """The parser that turns landed bytes into a table (`pipelines/sources`)."""

    JSON = "json"
    FORM = "form"
    SMPP = "smpp"
    ACCESS_LOG = "access_log"
    ERROR_LOG = "error_log"
    TABLE = "table"


class Kind(StrEnum):
    """Event: happens once, kept by day. Entity: latest state, kept by bucket or month."""

    EVENT = "event"
    ENTITY = "entity"


class UnknownColumns(StrEnum):
    """The treatment of an undeclared column: quarantine the batch, or drop it and count."""

    STOP = "stop"
    DROP_AND_WARN = "drop_and_warn"


class WorkspaceFrom(StrEnum):
    """The ways in which a row finds its workspace."""

    COLUMN = "column"
    CHANNEL = "channel"
    PLATFORM = "platform"


class PolicyCategory(StrEnum):
    """Data categories of the privacy policy; windows are in `policy.yml`."""

    ACCOUNT = "account"
    MESSAGE_LOG = "message_log"
    CONTACT = "contact"
    USAGE = "usage"
    DEVICE = "device"
    ERROR_LOG = "error_log"
    FINANCIAL = "financial"
    ANONYMOUS = "anonymous"


class Subject(StrEnum):
    """The kinds of people whose data it may be."""

    CONTACT = "contact"
    MEMBER = "member"
    WORKSPACE = "workspace"
    VISITOR = "visitor"


class WorkspaceRule(Strict):
    """The way in which a row finds its workspace.

    ``columns`` are the raw columns that name the workspace, or that name the channel; of a
    channel the first one that resolves wins, then the channel of the envelope.
    """

    from_: WorkspaceFrom = Field(alias="from")
    provider: str | None = None
    columns: tuple[str, ...] = ()


class Kinds(Strict):
    """Kinds of record of a feed, e.g. fields of a webhook; ``path`` is where a record names its kind.

    ``read`` names the kinds whose rows the contract reads. ``not_needed`` names kinds that hold nothing for
    any contract of the feed, and why: they are dropped and counted. A name that ends in `[]` is a list that
    stands beside the contract's rows.
    """

    path: str = Field(pattern=r"^\^+\.[a-z_]+$")
    read: tuple[str, ...] = Field(min_length=1)
    not_needed: dict[str, str] = Field(default_factory=dict)


class Contract(Strict):
    """One data set: where it lands, and what is done with each column.

    ``records`` is the way from a body to the rows. ``also_within`` names an object beside them that may
    hold the same list.

    ``where`` is a path that only its records have; ``unless`` names a key of a form that shows a record to be
    of another contract although it has that.

    ``same_person`` lists columns whose values name one contact, wherever they stand in one row: the identity
    graph links them (`pipelines/identities.py`).

    ``id_scope`` says whose key hashes the primary key: the platform's, where rows outlive the workspace.
    ``outlives_deletion`` names columns that stay in the marker of a deleted row.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9]*__[a-z][a-z0-9_]*$")
    description: str = Field(min_length=1)
    owner: str
    reader: Reader
    landing: str = Field(pattern=r"^[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)?/[^/]+$")
    records: str | None = None
    also_within: str | None = None
    where: str | None = None
    kinds: Kinds | None = None
    unless: str | None = None
    kind: Kind
    primary_key: tuple[str, ...] = Field(min_length=1)
    id_scope: KeyScope = KeyScope.WORKSPACE
    outlives_deletion: tuple[str, ...] = ()
    same_person: tuple[tuple[str, ...], ...] = ()
    event_time: str | None = None
    version: str | None = None
    policy: PolicyCategory
    subject: Subject
    consent: str | None = None
    lateness_days: int = Field(default=7, ge=1, le=30)
    unknown: UnknownColumns = UnknownColumns.STOP
    ignored: tuple[str, ...] = ()
    workspace: WorkspaceRule
    columns: dict[str, Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _columns_have_names_of_their_own(self) -> Self:
        if odd := sorted(n for n in self.columns if not re.fullmatch("[a-z][a-z0-9_]*", n)):
            raise ValueError(f"{len(odd)} column name(s) are not lower-case words; name the origin by `path`")
        outputs = [name for column in self.plan.columns for name, _ in column.outputs()]
        if len(outputs) != len(set(outputs)):
            raise ValueError("two columns are stored under one name")
        if taken := sorted(_RESERVED & set(outputs)):
            raise ValueError(f"the store gives these columns itself: {', '.join(taken)}")
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        singles = (self.event_time, self.version, self.consent)
        lists = (
            *self.primary_key,
            *self.workspace.columns,
            *self.outlives_deletion,
            *chain(*self.same_person),
        )
        named = {*lists, *(name for name in singles if name)}
        stand_ins = {column.or_else for column in self.columns.values() if column.or_else}
        if unknown := sorted((named - {"received_at"} | stand_ins) - set(self.columns)):
            raise ValueError(f"undeclared column(s) named: {', '.join(unknown)}")
        if self.kind is Kind.EVENT and not self.event_time:
            raise ValueError("an event needs `event_time`")
        if self.kind is Kind.ENTITY and not self.version:
            raise ValueError("an entity needs `version`, the column that says which state is newer")
        return self

    @model_validator(mode="after")
    def _units_are_people(self) -> Self:
        units = {column.unit for column in self.columns.values() if column.unit is not None}
        if unknown := sorted(units - set(self.columns)):
            raise ValueError(f"`unit` names undeclared column(s): {', '.join(unknown)}")
        if any(self.columns[unit].identity not in _PEOPLE for unit in units):
            people = ", ".join(sorted(_PEOPLE))
            raise ValueError(f"`unit` names a column that is not a pseudonymized person ({people})")
        return self

    @model_validator(mode="after")
    def _linked_columns_name_contacts(self) -> Self:
        named = (self.columns[name].identity for name in chain(*self.same_person))
        if any(kind not in OF_CONTACTS for kind in named) or any(
            len(group) < 2 for group in self.same_person
        ):
            raise ValueError(
                f"`same_person` lists two or more pseudonymized {', '.join(OF_CONTACTS)} columns"
            )
        return self

    @model_validator(mode="after")
    def _named_columns_have_the_right_type(self) -> Self:
        wanted = {
            "event_time": (self.event_time, ValueType.TIMESTAMP),
            "version": (self.version, ValueType.TIMESTAMP),
            "consent": (self.consent, ValueType.BOOLEAN),
        }
        for role, (name, type_) in wanted.items():
            if name in self.columns and self.columns[name].type is not type_:
                raise ValueError(f"`{role}` names a column that is not a {type_}")
        return self

    @model_validator(mode="after")
    def _says_nothing_of_people_after_deletion(self) -> Self:
        harmless = (ValueType.TIMESTAMP, ValueType.BOOLEAN)
        if any(self.columns[name].type not in harmless for name in self.outlives_deletion):
            raise ValueError("`outlives_deletion` is for times and booleans only")
        if self.outlives_deletion and "deleted_at" not in self.columns:
            raise ValueError("`outlives_deletion` goes with a column `deleted_at`")
        return self

    @model_validator(mode="after")
    def _workspace_can_be_found(self) -> Self:
        rule = self.workspace
        if rule.from_ is WorkspaceFrom.COLUMN and not rule.columns:
            raise ValueError("`workspace: {from: column}` needs `columns`")
        if (rule.from_ is WorkspaceFrom.CHANNEL) != bool(rule.provider):
            raise ValueError("`workspace.provider` goes with `from: channel` and only with it")
        return self

    @property
    def provider(self) -> str:
        """Return the first half of the name, e.g. `whatsapp`."""
        return self.source.partition("__")[0]

    @property
    def entity(self) -> str:
        """Return the second half of the name, e.g. `statuses`."""
        return self.source.partition("__")[2]

    @property
    def feed(self) -> str:
        """Return the folder below the inbox; contracts that land together share one batch."""
        return self.landing.rpartition("/")[0]

    @property
    def asks_the_channel(self) -> bool:
        """Return whether the channel's declarations say how values are to be read."""
        return any(column.zone == CHANNEL_ZONE for column in self.columns.values())

    def stored_name(self, raw: str) -> str:
        """Return the name under which a declared column, or `received_at`, is stored."""
        column = self.columns.get(raw)
        return column.as_ or raw if column is not None else raw

    @property
    def plan(self) -> Plan:
        """Return the anonymizer's view of the contract."""
        return Plan(
            source=self.source,
            columns=tuple(column.plan(name) for name, column in self.columns.items()),
            key_columns=self.primary_key,
            id_column="event_id" if self.kind is Kind.EVENT else "entity_id",
            id_scope=self.id_scope,
        )


def parse_contract(text: str | bytes, *, name: str) -> Contract:
    """Read one contract.

    Args:
        text: Content of the YAML file.
        name: File name without its suffix; must equal the contract's ``source``.

    Raises:
        ContractError: The text is not a complete, strict contract; names the fields, not their values.
    """
    return _contract(strict_yaml.load(text, failure=partial(ContractError, name)), name=name)


def _contract(document: object, *, name: str) -> Contract:
    contract = strict_yaml.validate(document, Contract, failure=partial(ContractError, name))
    if contract.source != name:
        raise ContractError(name, ["source: differs from the file name"])
    return contract


@cache
def load_contracts() -> Mapping[str, Contract]:
    """Load all contracts of the package by name, sorted.

    Raises:
        ContractError: One of them is not a contract.
    """
    documents = kept_documents(
        _texts(None), kept_as="contracts", failure=lambda name: partial(ContractError, name)
    )
    return MappingProxyType({name: _contract(document, name=name) for name, document in documents.items()})


def contract_problems(directory: Traversable | None = None) -> Mapping[str, str | None]:
    """Return contract → what is wrong with it, None where nothing is; one does not hide another."""

    def problem(name: str, text: bytes) -> str | None:
        try:
            parse_contract(text, name=name)
        except ContractError as error:
            return str(error)
        return None

    return {name: problem(name, text) for name, text in _texts(directory).items()}


def _texts(directory: Traversable | None) -> Mapping[str, bytes]:
    return strict_yaml.contents(directory or files("pipelines") / "contracts")


def contract_named(name: str, contracts: Mapping[str, Contract]) -> Contract:
    """Return the one contract of that name.

    Raises:
        UnknownNameError: There is none; lists the known ones.
    """
    if name not in contracts:
        raise UnknownNameError("contract", name, contracts)
    return contracts[name]


def contracts_of(source: str, contracts: Mapping[str, Contract]) -> tuple[Contract, ...]:
    """Return the contracts that a command's SOURCE means: of a contract, feed, provider, or entity of a feed.

    Raises:
        UnknownNameError: No contract has that name; lists the known ones.
    """
    for attribute in ("source", "feed", "provider", "entity"):
        if found := tuple(c for c in contracts.values() if getattr(c, attribute) == source):
            return found
    feeds = sorted({c.feed for c in contracts.values()})
    raise UnknownNameError("source", source, feeds)


def lateness_days(contracts: Mapping[str, Contract]) -> int:
    """Return within how many days an event of any source may still come: the longest horizon of all."""
    return max(contract.lateness_days for contract in contracts.values())
