"""What can become of a column: the vocabulary shared by contracts and engine."""

from enum import StrEnum


class Treatment(StrEnum):
    """What becomes of one raw column before anything is stored. There is no default."""

    KEEP = "keep"
    DROP = "drop"
    PSEUDONYMIZE = "pseudonymize"
    GENERALIZE_IP = "generalize_ip"
    REDUCE_USER_AGENT = "reduce_user_agent"
    SCRUB_TEXT = "scrub_text"
    SCRUB_URL = "scrub_url"
    COUNTRY_FROM_PHONE = "country_from_phone"
    DERIVE_TEXT_FEATURES = "derive_text_features"
    JSON_ALLOWLIST = "json_allowlist"


class TextMode(StrEnum):
    """How much stays of a scrubbed text: what is harmless, or also what a text shares with many others.

    Whoever wants nothing of a text but what can be measured of it takes `derive_text_features` instead.
    """

    SCRUB = "scrub"
    TEMPLATE = "template"


class IdentityKind(StrEnum):
    """What an identifier identifies; separates the token spaces of one key.

    A phone number gives the same token wherever it stands in one workspace; a phone number
    and a member id of the same spelling never do.
    """

    PHONE = "phone"
    WHATSAPP_USER = "whatsapp_user"
    EMAIL = "email"
    MESSAGE = "message"
    OUTBOX = "outbox"
    CONTACT = "contact"
    MEMBER = "member"
    CHANNEL = "channel"
    CONVERSATION = "conversation"
    DEVICE = "device"
    SESSION = "session"
    PAYER = "payer"


class KeyScope(StrEnum):
    """Whose key makes the token: the row's workspace, or the platform's own."""

    WORKSPACE = "workspace"
    PLATFORM = "platform"


class TextFeature(StrEnum):
    """What may be measured of a message body before it is dropped."""

    LENGTH = "length"
    SEGMENTS = "segments"
    LANGUAGE = "language"
    HAS_LINK = "has_link"
    IS_OPT_OUT = "is_opt_out"


class ValueType(StrEnum):
    """Type of a raw column after parsing and, where it is kept, in the store."""

    VARCHAR = "varchar"
    BIGINT = "bigint"
    DOUBLE = "double"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    JSON = "json"
