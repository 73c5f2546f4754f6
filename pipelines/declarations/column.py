"""Define the columns of contracts: how a value is written, and what is done with it."""

import re
from enum import StrEnum
from functools import cache
from typing import Self
from zoneinfo import ZoneInfo

from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from pydantic import Field, field_validator, model_validator

from anonymizers.plan import ColumnPlan, SharedBy
from anonymizers.text.settings import load_settings
from anonymizers.treatments import IdentityKind, KeyScope, TextFeature, TextMode, Treatment, ValueType
from pipelines.declarations.strict_yaml import Strict

# In place of a time zone: the zone that the row's channel declares.
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


class Format(StrEnum):
    """The ways in which a value is written in the source, where its type alone does not say."""

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
    """The country in which a phone number without + or 00 may be dialled as it is written."""

    WORKSPACE = "workspace"


class Column(Strict):
    """One column as it lands and what is done with it.

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
    value that is not there. ``heading`` is what the same value is also called in the provider's tables,
    beside ``path`` in any case (`num_segments`, `NumSegments`).

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
        """Return treatment and mode for people."""
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
        if self.otherwise and not self.values:
            raise ValueError("`otherwise` goes with `values` only")
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

    def plan(self, raw: str) -> ColumnPlan:
        """Return the anonymizer's view of the column, which is called ``raw`` in its contract."""
        fewest = load_settings().template.fewest if self.unit else 0
        return ColumnPlan(
            raw=raw,
            output=self.as_ or raw,
            type=self.type,
            treatment=self.treatment,
            identity=self.identity,
            scope=self.scope,
            features=self.features,
            allow=self.allow,
            template=SharedBy(self.unit, fewest) if self.unit else None,
            by_region=self.default_region is not None,
        )


def is_time_zone(name: str) -> bool:
    """Return whether a name is in the time zone database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@cache
def _fideslang_keys() -> frozenset[str]:
    return frozenset(category.fides_key for category in DEFAULT_TAXONOMY.data_category or [])
