"""List what can become of a column, in the words that contracts use."""

from enum import StrEnum


class Treatment(StrEnum):
    """Say what becomes of one raw column before anything is stored. There is no default."""

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
    """Say what stays of a scrubbed text: what is harmless, or also what many contacts got alike.

    To keep measures of a text only, treat it with `derive_text_features` instead.
    """

    SCRUB = "scrub"
    TEMPLATE = "template"


class IdentityKind(StrEnum):
    """Say what an identifier identifies; values of two kinds never have the same token.

    A phone number has the same token in all tables of one workspace, whatever the column; a member id of the
    same spelling has another.
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
    """Say whose key makes the token: that of the row's workspace, or the platform's."""

    WORKSPACE = "workspace"
    PLATFORM = "platform"


class TextFeature(StrEnum):
    """Say what may be measured of a message body before it is dropped."""

    LENGTH = "length"
    SEGMENTS = "segments"
    LANGUAGE = "language"
    HAS_LINK = "has_link"
    IS_OPT_OUT = "is_opt_out"


class ValueType(StrEnum):
    """Name the type of a raw column after parsing and, where it is kept, in the store."""

    VARCHAR = "varchar"
    BIGINT = "bigint"
    DOUBLE = "double"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    JSON = "json"
