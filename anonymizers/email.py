"""Spell e-mail addresses of one mailbox alike."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

import idna
import polars as pl

from anonymizers.columns import filled
from anonymizers.unicode import plain


@dataclass(frozen=True, slots=True)
class Provider:
    """Say which addresses of a provider are one mailbox.

    RFC 5321 (section 2.3.11) leaves the part before the @ to the host that receives: tags and dots are
    taken away only where the provider says that they do not count. Of all other domains they stay.

    Attributes:
        domains: Where its addresses are.
        source: Where the rule is said.
        ignored: Characters of a name that do not count.
        are_one: Whether a name is the same mailbox at each of the domains; the first one then stands for all.
    """

    domains: tuple[str, ...]
    source: str
    ignored: str = ""
    are_one: bool = False


# Each of them delivers name+tag@ to name@. Yahoo's tags follow a hyphen and a name chosen for them, which is
# not the mailbox's.
PROVIDERS = (
    Provider(
        ("gmail.com", "googlemail.com"),
        "support.google.com/mail/answer/7436150 (dots), /mail/answer/22370 (tags), /mail/answer/10313",
        ignored=".",
        are_one=True,
    ),
    Provider(
        ("outlook.com", "hotmail.com", "live.com", "msn.com"),
        "learn.microsoft.com, Plus addressing in Exchange Online; a name with + cannot be registered",
    ),
    Provider(("icloud.com", "me.com", "mac.com"), "Apple's help does not say it, but its servers do it"),
    Provider(("fastmail.com", "fastmail.fm"), "fastmail.help/hc/en-us/articles/360060591053"),
    Provider(
        ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        "proton.me/support/addresses-and-aliases; ProtonMail/WebClients, removeEmailAlias (. - _)",
        ignored="._-",
    ),
)
_BY_DOMAIN = {domain: provider for provider in PROVIDERS for domain in provider.domains}
# What lower case alone makes the one spelling of.
_PLAIN = r"^[A-Za-z0-9_][A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$"
_LINK = re.compile(r"mailto:", re.IGNORECASE)
# Without what texts and lists put around and between addresses.
_ADDRESS = r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\"',;:?]+"
_NAMED, _BARE = re.compile(rf"<(?:mailto:)?({_ADDRESS})>"), re.compile(_ADDRESS)


def normalise_email(text: str) -> str:
    """Return the one spelling of an address; a text without one, or with several, is trimmed, in lower case.

    Args:
        text: In Unicode's compatible form: `ada@example.org`, a link (`mailto:…?subject=…`), with a name
            (`Ada <ada@example.org>`) or with other words around it.

    Returns:
        Lower case, the domain in ASCII (IDNA 2008, UTS 46), without what the provider says does not count.
    """
    address = re.sub(r"\s*@\s*", "@", text.strip())
    if link := _LINK.match(address):
        address = unquote(address[link.end() :])
    found = {_spelling(each) for each in _NAMED.findall(address) or _BARE.findall(address)}
    return found.pop() if len(found) == 1 else address.casefold()


def _spelling(address: str) -> str:
    name, _, domain = address.strip("'").rpartition("@")
    domain = _ascii_domain(domain)
    name = name.casefold()
    if provider := _BY_DOMAIN.get(domain):
        mailbox = name.partition("+")[0].translate(dict.fromkeys(map(ord, provider.ignored)))
        # Nothing but a tag is no mailbox of theirs.
        name = mailbox or name
        domain = provider.domains[0] if provider.are_one else domain
    return f"{name}@{domain}"


def normalise_emails(texts: pl.Series) -> pl.Series:
    """Return `normalise_email` of each of the n texts in plain Unicode, in order; null stays null."""
    clean = plain(texts)
    raw = pl.col("raw")
    domain = raw.str.extract(r"@([^@]+)$").str.to_lowercase()
    easy = raw.str.contains(_PLAIN) & ~domain.is_in(list(_BY_DOMAIN)) & ~raw.str.contains(r"^(?i)mailto:")
    known = clean.to_frame("raw").select(pl.when(easy).then(raw.str.to_lowercase())).to_series()
    return filled(known, clean, normalise_email).rename(texts.name)


def _ascii_domain(domain: str) -> str:
    domain = domain.rstrip(".")
    try:
        return idna.encode(domain, uts46=True).decode().lower() if domain else domain
    except (idna.IDNAError, UnicodeError):
        return domain.casefold()
