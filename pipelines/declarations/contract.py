"""Contracts: the one declarative place of each data set, and the only reader of those files."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Self
from zoneinfo import ZoneInfo

from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from anonymizers.plan import ColumnPlan, Plan, SharedBy
from anonymizers.text.settings import load_settings
from anonymizers.treatments import IdentityKind, KeyScope, TextFeature, TextMode, Treatment, ValueType
from pipelines.declarations import strict_yaml
from pipelines.declarations.errors import ContractError, UnknownContractError

WORKSPACE_PATTERN = "[A-Za-z0-9_-]{1,64}"
PLATFORM_WORKSPACE = "_platform"
CHANNEL_ZONE = "channel"

# What names a person, or is nobody else's business, never stays as it came, whatever its type.
_NEVER_KEPT = (
    "user.biometric",
    "user.contact.email",
    "user.contact.phone_number",
    "user.content.private",
    "user.device.cookie_id",
    "user.device.device_id",
    "user.device.ip_address",
    "user.government_id",
    "user.health_and_medical",
    "user.name",
    "user.unique_id",
)
# A `pattern` that lets these through keeps free text under another name.
_FREE_TEXT = ("two words", "someone@example.org", "+4930000000")
# What a contact is known by: of eleven message ids nobody knows whether they are eleven people's.
_PEOPLE = frozenset(
    {
        IdentityKind.CONTACT,
        IdentityKind.EMAIL,
        IdentityKind.MEMBER,
        IdentityKind.PHONE,
        IdentityKind.WHATSAPP_USER,
    }
)
# Added by the engine and the store: a column of that name would take their place.
_RESERVED = frozenset({"entity_id", "event_date", "event_id", "received_at", "retention_days"})


class Reader(StrEnum):
    """Which parser turns the landed bytes into a table (`pipelines/sources`)."""

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
    """What an undeclared column does: quarantine the batch, or be dropped and counted."""

    STOP = "stop"
    DROP_AND_WARN = "drop_and_warn"


class Format(StrEnum):
    """How a value is written in the source, where its type alone does not say."""

    ISO8601 = "iso8601"
    UNIX_SECONDS = "unix_seconds"
    RFC2822 = "rfc2822"
    SMPP = "smpp"
    LOG = "log"
    NEGATIVE_AMOUNT = "negative_amount"
    ADDRESS = "address"
    ADDRESS_CHANNEL = "address_channel"
    TIME_ZONE = "time_zone"


class DefaultRegion(StrEnum):
    """In which country a phone number without + or 00 may be dialled as it is written."""

    WORKSPACE = "workspace"


class WorkspaceFrom(StrEnum):
    """How a row finds its workspace."""

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
    """Whose data it is."""

    CONTACT = "contact"
    MEMBER = "member"
    WORKSPACE = "workspace"
    VISITOR = "visitor"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WorkspaceRule(_Strict):
    """How a row finds its workspace.

    ``columns`` are the raw columns that name the workspace, or that name the channel; of a
    channel the first one that resolves wins, then the channel of the envelope.
    """

    from_: WorkspaceFrom = Field(alias="from")
    provider: str | None = None
    columns: tuple[str, ...] = ()


class Column(_Strict):
    """One column as it lands and what becomes of it.

    ``path`` is where the value stands in a record: dots descend, `[0]` takes the first of a list,
    each leading `^` climbs one level above the record's row. Default: the column's own name.

    ``default_region`` of a phone number says that it may be written as it is dialled in the workspace's
    country; without it, such a number belongs to no country.

    ``mode`` of `scrub_text` is `scrub` (the default: what is harmless stays) or `template`: a masked name,
    place, word or short number is given back where it is the same in all texts of one template that many
    contacts got (`template` in `text.yml`); ``unit`` is then the column that names the contact. To keep
    nothing of a text but what is measured of it, take `derive_text_features`.

    ``zone`` is the clock of times that are written without an offset: a name of the time zone database, or
    `channel` for the zone that the row's channel declares. ``or_else`` names the column that stands for a
    value that is not there. ``heading`` is what the same value is called in the provider's tables, where
    that is not ``path`` in capitals (`num_segments`, `NumSegments`).

    ``otherwise`` is stored in place of a value outside ``values``; without it, such a value is null.
    Rows with a value in ``not_needed`` hold nothing for the warehouse, and why: they are dropped and counted.
    """

    path: str | None = None
    type: ValueType
    format: Format | None = None
    zone: str = "UTC"
    or_else: str | None = None
    heading: str | None = None
    required: bool = False
    values: tuple[str, ...] = ()
    otherwise: str | None = Field(default=None, pattern=r"^[a-z]+$")
    not_needed: dict[str, str] = Field(default_factory=dict)
    pattern: str | None = None
    treatment: Treatment
    identity: IdentityKind | None = None
    scope: KeyScope = KeyScope.WORKSPACE
    default_region: DefaultRegion | None = None
    as_: str | None = Field(default=None, alias="as", pattern=r"^[a-z][a-z0-9_]*$")
    features: tuple[TextFeature, ...] = ()
    allow: tuple[str, ...] = ()
    mode: TextMode | None = None
    unit: str | None = None
    category: str
    description: str = Field(min_length=1)

    @property
    def handling(self) -> str:
        """Treatment and mode, as people read it."""
        return f"{self.treatment} (template by {self.unit})" if self.unit else self.treatment.value

    @field_validator("category")
    @classmethod
    def _is_fideslang(cls, category: str) -> str:
        if category not in _fideslang_keys():
            raise ValueError("not a fideslang data category")
        return category

    @field_validator("pattern")
    @classmethod
    def _is_narrow(cls, pattern: str | None) -> str | None:
        try:
            free = pattern is not None and any(re.fullmatch(pattern, text) for text in _FREE_TEXT)
        except re.error:
            raise ValueError("not a regular expression") from None
        if free:
            raise ValueError("lets free text, e-mail addresses or phone numbers through")
        return pattern

    @field_validator("zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone != CHANNEL_ZONE and not is_time_zone(zone):
            raise ValueError("not a name of the time zone database")
        return zone

    @model_validator(mode="after")
    def _has_what_its_treatment_needs_and_no_more(self) -> Self:
        is_text = self.type in (ValueType.VARCHAR, ValueType.JSON)
        if not is_text and (self.values or self.pattern):
            raise ValueError("`values` and `pattern` are for text")
        if self.otherwise and (self.required or not self.values):
            raise ValueError("`otherwise` goes with `values` of an optional column")
        belongs = {
            "identity": (Treatment.PSEUDONYMIZE, self.identity is not None),
            "features": (Treatment.DERIVE_TEXT_FEATURES, bool(self.features)),
            "allow": (Treatment.JSON_ALLOWLIST, bool(self.allow)),
        }
        for option, (treatment, given) in belongs.items():
            if (self.treatment is treatment) != given:
                raise ValueError(f"`{option}` goes with {treatment} and only with it")
        if self.scope is not KeyScope.WORKSPACE and self.treatment is not Treatment.PSEUDONYMIZE:
            raise ValueError("`scope` goes with pseudonymize only")
        of_phones = self.identity is IdentityKind.PHONE or self.treatment is Treatment.COUNTRY_FROM_PHONE
        if self.default_region and not of_phones:
            raise ValueError("`default_region` goes with phone numbers only")
        return self

    @model_validator(mode="after")
    def _says_whose_sharing_makes_a_template(self) -> Self:
        if self.mode and self.treatment is not Treatment.SCRUB_TEXT:
            raise ValueError("`mode` goes with scrub_text only")
        if (self.mode is TextMode.TEMPLATE) != (self.unit is not None):
            raise ValueError("`unit` goes with `mode: template` and only with it")
        return self

    @model_validator(mode="after")
    def _may_stay_if_kept(self) -> Self:
        if self.treatment is not Treatment.KEEP:
            return self
        if self.type in (ValueType.VARCHAR, ValueType.JSON) and not (self.values or self.pattern):
            raise ValueError("keep on text needs `values` or a `pattern`, or free text would stay")
        if any(self.category == key or self.category.startswith(f"{key}.") for key in _NEVER_KEPT):
            raise ValueError("data of this category is never kept as it came")
        return self


class Kinds(_Strict):
    """Kinds of record of a feed, e.g. fields of a webhook; ``path`` is where a record names its kind.

    ``read`` names the kinds whose rows the contract reads. ``not_needed`` names kinds that hold nothing for
    any contract of the feed, and why: they are dropped and counted. A name that ends in `[]` is a list that
    stands beside the contract's rows.
    """

    path: str = Field(pattern=r"^\^+\.[a-z_]+$")
    read: tuple[str, ...] = Field(min_length=1)
    not_needed: dict[str, str] = Field(default_factory=dict)


class Contract(_Strict):
    """What one data set is, where it lands, and what becomes of each column.

    ``records`` is the way from a body to the rows. ``also_within`` names an object beside them that may
    hold the same list.

    ``where`` is a path that only its records have; ``unless`` names a key of a form that shows a record to be
    of another contract although it has that.

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
        lists = (*self.primary_key, *self.workspace.columns, *self.outlives_deletion)
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
            raise ValueError(f"`unit` names a column that is no pseudonymized person ({people})")
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
                raise ValueError(f"`{role}` names a column that is no {type_}")
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
        """First half of the name, e.g. `whatsapp`."""
        return self.source.partition("__")[0]

    @property
    def entity(self) -> str:
        """Second half of the name, e.g. `statuses`."""
        return self.source.partition("__")[2]

    @property
    def feed(self) -> str:
        """Directory it lands in below the inbox; contracts that land together share one batch."""
        return self.landing.rpartition("/")[0]

    @property
    def asks_the_channel(self) -> bool:
        """Whether the channel's declarations say how values are to be read."""
        return any(column.zone == CHANNEL_ZONE for column in self.columns.values())

    def stored_name(self, raw: str) -> str:
        """Name under which a declared column, or `received_at`, is stored."""
        column = self.columns.get(raw)
        return column.as_ or raw if column is not None else raw

    @property
    def plan(self) -> Plan:
        """The anonymizer's view of the contract."""
        return Plan(
            source=self.source,
            columns=tuple(
                ColumnPlan(
                    raw=name,
                    output=column.as_ or name,
                    type=column.type,
                    treatment=column.treatment,
                    identity=column.identity,
                    scope=column.scope,
                    features=column.features,
                    allow=column.allow,
                    template=_shared_by(column),
                    by_region=column.default_region is not None,
                )
                for name, column in self.columns.items()
            ),
            key_columns=self.primary_key,
            id_column="event_id" if self.kind is Kind.EVENT else "entity_id",
            id_scope=self.id_scope,
        )


def _shared_by(column: Column) -> SharedBy | None:
    return SharedBy(column.unit, load_settings().template.fewest) if column.unit else None


def is_time_zone(name: str) -> bool:
    """Whether a name stands in the time zone database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@cache
def _fideslang_keys() -> frozenset[str]:
    return frozenset(category.fides_key for category in DEFAULT_TAXONOMY.data_category or [])


def parse_contract(text: str | bytes, *, name: str) -> Contract:
    """Read one contract.

    Args:
        text: Content of the YAML file.
        name: File name without its ending; must equal the contract's ``source``.

    Raises:
        ContractError: The text is not a complete, strict contract; names the fields, not their values.
    """
    contract = strict_yaml.parse(text, Contract, failure=partial(ContractError, name))
    if contract.source != name:
        raise ContractError(name, ["source: differs from the file name"])
    return contract


@cache
def load_contracts() -> Mapping[str, Contract]:
    """All contracts of the package by name, sorted.

    Raises:
        ContractError: One of them is not a contract.
    """
    return MappingProxyType({name: parse_contract(text, name=name) for name, text in _texts(None).items()})


def contract_problems(directory: Traversable | None = None) -> Mapping[str, str | None]:
    """What is wrong with each contract by name, None where nothing is; one does not hide another."""

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
    """The one contract of that name.

    Raises:
        UnknownContractError: There is none; lists the known ones.
    """
    if name not in contracts:
        raise UnknownContractError(name, list(contracts))
    return contracts[name]


def contracts_of(source: str, contracts: Mapping[str, Contract]) -> tuple[Contract, ...]:
    """The contracts a command's SOURCE means: a contract, a feed, a provider, or an entity of a feed.

    Raises:
        UnknownContractError: No contract has that name; lists the known ones.
    """
    for attribute in ("source", "feed", "provider", "entity"):
        if found := tuple(c for c in contracts.values() if getattr(c, attribute) == source):
            return found
    feeds = sorted({c.feed for c in contracts.values()})
    raise UnknownContractError(source, feeds)


def lateness_days(contracts: Mapping[str, Contract]) -> int:
    """Days within which an event of any source may still come: the longest horizon of all."""
    return max(contract.lateness_days for contract in contracts.values())
