"""Plan what becomes of one data set: which raw column becomes which stored columns, and how."""

from dataclasses import dataclass

from anonymizers.treatments import IdentityKind, KeyScope, TextFeature, Treatment, ValueType

DUCKDB_TYPES = {
    ValueType.VARCHAR: "varchar",
    ValueType.BIGINT: "bigint",
    ValueType.DOUBLE: "double",
    ValueType.DECIMAL: "decimal(18,6)",
    ValueType.BOOLEAN: "boolean",
    ValueType.TIMESTAMP: "timestamp",
    ValueType.JSON: "varchar",
}
_FEATURE_TYPES = {
    TextFeature.LENGTH: "bigint",
    TextFeature.SEGMENTS: "bigint",
    TextFeature.LANGUAGE: "varchar",
    TextFeature.HAS_LINK: "boolean",
    TextFeature.IS_OPT_OUT: "boolean",
}
USER_AGENT_PARTS = ("browser", "os", "device")


@dataclass(frozen=True, slots=True)
class SharedBy:
    """Say how many contacts must have got a template for its masks to be restored.

    Attributes:
        unit: Raw column of the same plan that names the contact.
        fewest: How many different contacts must have got the template.
    """

    unit: str
    fewest: int


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Say what becomes of one raw column.

    Attributes:
        raw: Name of the column in the parsed table.
        output: Name, or prefix of the names, of the stored column(s).
        type: Type of the raw column.
        treatment: What is done to it.
        identity: What a pseudonymized value identifies.
        scope: Whose key makes the pseudonym.
        features: What is measured of a text.
        allow: Keys of a JSON object that may stay.
        template: When masked parts of a scrubbed text are restored; None = never.
        by_region: Whether a phone number may be written as it is dialled in the workspace's country.
    """

    raw: str
    output: str
    type: ValueType
    treatment: Treatment
    identity: IdentityKind | None = None
    scope: KeyScope = KeyScope.WORKSPACE
    features: tuple[TextFeature, ...] = ()
    allow: tuple[str, ...] = ()
    template: SharedBy | None = None
    by_region: bool = False

    def outputs(self) -> tuple[tuple[str, str], ...]:
        """Return name and DuckDB type of every stored column, in order."""
        match self.treatment:
            case Treatment.DROP:
                return ()
            case Treatment.KEEP:
                return ((self.output, DUCKDB_TYPES[self.type]),)
            case (
                Treatment.PSEUDONYMIZE
                | Treatment.GENERALIZE_IP
                | Treatment.SCRUB_TEXT
                | Treatment.SCRUB_URL
                | Treatment.COUNTRY_FROM_PHONE
                | Treatment.JSON_ALLOWLIST
            ):
                return ((self.output, "varchar"),)
            case Treatment.REDUCE_USER_AGENT:
                return tuple((f"{self.output}_{part}", "varchar") for part in USER_AGENT_PARTS)
            case Treatment.DERIVE_TEXT_FEATURES:
                return tuple((feature_name(self.output, f), _FEATURE_TYPES[f]) for f in self.features)


def feature_name(prefix: str, feature: TextFeature) -> str:
    """Return the stored name of a text feature, such as `body_length` or `body_has_link`."""
    return f"{prefix}_{feature.value}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Say what becomes of all columns of one data set.

    Attributes:
        source: Name of the contract.
        columns: One entry per declared column, in declared order.
        key_columns: Raw columns that identify a row; hashed into ``id_column``.
        id_column: `event_id` of an event, `entity_id` of an entity.
        id_scope: Whose key hashes them: the platform's if rows outlive the workspace and its key.
    """

    source: str
    columns: tuple[ColumnPlan, ...]
    key_columns: tuple[str, ...]
    id_column: str
    id_scope: KeyScope = KeyScope.WORKSPACE

    @property
    def identities(self) -> tuple[str, ...]:
        """Return the raw columns that are pseudonymized with the workspace's key, in declared order."""
        return tuple(
            column.raw
            for column in self.columns
            if column.treatment is Treatment.PSEUDONYMIZE and column.scope is KeyScope.WORKSPACE
        )

    @property
    def needs_regions(self) -> bool:
        """Whether it takes the countries of the workspaces to read the phone numbers."""
        return any(column.by_region for column in self.columns)

    def stored_columns(self) -> tuple[tuple[str, str], ...]:
        """Return name and DuckDB type of every column of the anonymized table, in order."""
        own = tuple(pair for column in self.columns for pair in column.outputs())
        names = {name for name, _ in own}
        head = (("workspace_id", "varchar"), (self.id_column, "varchar"), ("received_at", "timestamp"))
        return tuple(pair for pair in head if pair[0] not in names) + own
