"""Suggest a treatment for a column that nobody has decided on, with the reason and without a value."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anonymizers.text.scrubber import Mask, TextScrubber
from anonymizers.treatments import Treatment, ValueType
from pipelines.declarations.errors import DetectorError
from pipelines.drafting.samples import SampleColumn

SAMPLED_VALUES = 200
# Recognizers of free text are slow on long input, and a column shows its kind early.
SAMPLED_CHARACTERS = 200
# One value in ten is a pattern; fewer is what a name recognizer sees in any text.
NOTABLE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Advice:
    """A suggested treatment with its option, the likely data category, and why."""

    treatment: Treatment
    option: str
    category: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    treatment: Treatment
    option: str
    category: str


_PHONE = _Rule(Treatment.PSEUDONYMIZE, "identity: phone", "user.contact.phone_number")
_EMAIL = _Rule(Treatment.PSEUDONYMIZE, "identity: email", "user.contact.email")
_IP = _Rule(Treatment.GENERALIZE_IP, "", "user.device.ip_address")
_URL = _Rule(Treatment.SCRUB_URL, "", "user.behavior.browsing_history")
_TEXT = _Rule(Treatment.SCRUB_TEXT, "", "user.content")
_NAME = _Rule(Treatment.DROP, "", "user.name")
_ADDRESS = _Rule(Treatment.DROP, "", "user.contact.address")
_SECRET = _Rule(Treatment.DROP, "", "user.financial")
# In order of weight, where two are found as often as each other.
_BY_MASK = {
    "<CREDIT_CARD>": _SECRET,
    "<IBAN_CODE>": _SECRET,
    "<EMAIL_ADDRESS>": _EMAIL,
    "<IP_ADDRESS>": _IP,
    "<PHONE_NUMBER>": _PHONE,
    "<URL>": _URL,
    "<NAME>": _NAME,
    "<ADDRESS>": _ADDRESS,
    "<PLACE>": _ADDRESS,
}
_BY_NAME = (
    ("e?mail", "e-mail", _EMAIL),
    ("phone|mobile|msisdn|tel|wa_id|recipient|from|to", "a phone number", _PHONE),
    (
        "wamid|sid|message_id",
        "a message id",
        _Rule(Treatment.PSEUDONYMIZE, "identity: message", "user.unique_id"),
    ),
    (
        "(contact|customer|buyer|user|member|person)_id",
        "a person's id",
        _Rule(Treatment.PSEUDONYMIZE, "identity: contact", "user.unique_id"),
    ),
    ("ip|remote_addr|ip_address", "an IP address", _IP),
    ("user_agent|browser", "a user agent", _Rule(Treatment.REDUCE_USER_AGENT, "", "user.device")),
    ("url|uri|link|path|referr?er", "an address of a page", _URL),
    (
        "body|text|message|comment|note",
        "a text by people",
        _Rule(Treatment.DERIVE_TEXT_FEATURES, "features: [length, language]", "user.content.private"),
    ),
    ("name|surname", "a name", _NAME),
    ("street|address|city|zip|postcode", "where someone lives", _ADDRESS),
    ("birth(day|date)?|dob", "a date of birth", _Rule(Treatment.DROP, "", "user.demographic.date_of_birth")),
    ("iban|card|account|tax|password|secret|token|key", "a secret or an account", _SECRET),
)
_BY_TYPE = {
    ValueType.VARCHAR: (_TEXT, "text of unknown kind; `keep` needs `values` or a `pattern`"),
    ValueType.JSON: (
        _Rule(Treatment.JSON_ALLOWLIST, "allow: [keys that may stay]", "user.content"),
        "nested values",
    ),
}
_HARMLESS = _Rule(Treatment.KEEP, "", "user.behavior")


def advise(column: SampleColumn, *, name: str, scrubber: TextScrubber) -> Advice:
    """Suggest a treatment for one column.

    What its values look like weighs more than its name, and its name more than its type. All
    that was noticed is a reason, also what did not decide.

    Args:
        column: The sampled column.
        name: Its name in lower-case words.
        scrubber: Finds what is personal in texts.

    Raises:
        DetectorError: It broke.
    """
    found = list(_found(column, scrubber))
    named = [(rule, f"its name suggests {what}") for words, what, rule in _BY_NAME if _says(name, words)]
    typed, reason = _BY_TYPE.get(column.type, (_HARMLESS, f"{column.type} without a finding"))
    rule = next((rule for rule, _ in [*found, *named]), typed)
    if rule is _NAME and _is_prose(column):
        rule = _TEXT
    reasons = tuple(why for _, why in [*found, *named]) or (reason,)
    return Advice(rule.treatment, rule.option, rule.category, reasons)


def _found(column: SampleColumn, scrubber: TextScrubber) -> Iterator[tuple[_Rule, str]]:
    if column.type not in (ValueType.VARCHAR, ValueType.JSON, ValueType.BIGINT):
        return
    texts = [value[:SAMPLED_CHARACTERS] for value in dict.fromkeys(column.values)][:SAMPLED_VALUES]
    counts = Counter(
        name for masks in _masks(texts, scrubber) for name in {mask.name for mask in masks or ()}
    )
    for name in sorted(_BY_MASK, key=lambda name: -counts[name]):
        if texts and (share := counts[name] / len(texts)) >= NOTABLE_SHARE:
            yield _BY_MASK[name], f"{name.strip('<>')} in {share:.0%} of {len(texts)} values"


def _masks(texts: Sequence[str], scrubber: TextScrubber) -> Sequence[Sequence[Mask] | None]:
    try:
        return scrubber.masks(texts) if texts else []
    except Exception as error:  # noqa: BLE001
        # Whatever a recognizer raises may quote the text it failed on.
        raise DetectorError(type(error).__name__) from None


def _says(name: str, words: str) -> bool:
    return re.search(rf"(^|_)({words})s?(_|$)", name) is not None


def suggests(name: str) -> bool:
    """Return whether a name in lower-case words suggests by itself what its column holds."""
    return any(_says(name, words) for words, _, _ in _BY_NAME)


def _is_prose(column: SampleColumn) -> bool:
    words = [len(value.split()) for value in column.values]
    return bool(words) and sum(words) / len(words) > 4
