"""Reduce user agents to families that ua-parser knows; never a version, never a model."""

import re
from collections.abc import Iterable
from functools import cache, lru_cache

import polars as pl
from ua_parser import BasicResolver, Domain, PartialResult
from ua_parser.core import OS, Matcher, UserAgent
from ua_parser.loaders import load_lazy_builtins

from anonymizers.columns import encoded
from anonymizers.plan import USER_AGENT_PARTS

OTHER = "Other"

# Real agents are far shorter; on longer ones, which a stranger may send, no pattern is run.
_LONGEST = 512

_BOT = re.compile(
    r"bot\b|bot[/;]|crawl|spider|slurp|fetcher|monitor|curl/|wget/|libwww|python-|java/", re.IGNORECASE
)
_TABLET = re.compile(r"ipad|tablet|kindle|playbook|nexus (?:7|9|10)\b", re.IGNORECASE)
_DESKTOP = frozenset(
    {
        *("Windows", "Mac OS X", "Chrome OS", "Linux", "Ubuntu", "Linux Mint", "Debian", "Fedora", "CentOS"),
        *("Red Hat", "SUSE", "Gentoo", "Arch Linux", "FreeBSD", "NetBSD", "OpenBSD", "Solaris"),
    }
)


def families(agents: pl.Series) -> dict[str, pl.Series]:
    """Return browser, operating system and class of device of each of n user agents; null stays null.

    Returns:
        Columns of n values, in order. `browser` and `os`: a family as ua-parser spells it, or `Other`.
        `device`: `mobile`, `tablet`, `desktop`, `bot` or `other`.
    """
    distinct, codes = encoded(agents)
    schema = dict.fromkeys(USER_AGENT_PARTS, pl.String)
    known = pl.DataFrame([_parsed(agent) for agent in distinct], schema=schema, orient="row")
    return {part: known[part].gather(codes) for part in USER_AGENT_PARTS}


# A site's visitors have few agents, and each file has the same ones again.
@lru_cache(maxsize=4_096)
def _parsed(agent: str) -> tuple[str, str, str]:
    if len(agent) > _LONGEST:
        return OTHER, OTHER, "other"
    found = _resolver()(agent, Domain.ALL)
    browser = _known(found.user_agent.family if found.user_agent else "", domain=0)
    system = _known(found.os.family if found.os else "", domain=1)
    return browser, system, _device(agent, system, found)


def _device(agent: str, system: str, found: PartialResult) -> str:
    family = found.device.family if found.device else ""
    if family == "Spider" or _BOT.search(agent):
        return "bot"
    if _TABLET.search(family) or _TABLET.search(agent):
        return "tablet"
    if system == "Android":
        # Android's own rule: a tablet leaves the word Mobile out.
        return "mobile" if "Mobile" in agent else "tablet"
    if system in _DESKTOP:
        return "desktop"
    return "mobile" if family or "Mobile" in agent else "other"


def _known(family: str, *, domain: int) -> str:
    """Return the family as ua-parser's data spells it; many of its patterns copy text from the agent."""
    return _known_families()[domain].get(family.casefold(), OTHER)


@cache
def _resolver() -> BasicResolver:
    return BasicResolver(load_lazy_builtins())


@cache
def _known_families() -> tuple[dict[str, str], dict[str, str]]:
    browsers, systems, _ = load_lazy_builtins()
    return _families(browsers), _families(systems)


def _families(matchers: Iterable[Matcher[UserAgent]] | Iterable[Matcher[OS]]) -> dict[str, str]:
    """Return families that are written out in the data: as a replacement, or as a literal of the pattern."""
    words: dict[str, str] = {}
    for matcher in matchers:
        family = str(getattr(matcher, "family", "$1"))
        literals = re.split(r"[()|?*+\[\]{}^$]", re.sub(r"\\([^\w])", r"\1", matcher.regex))
        for word in literals if "$" in family else [family]:
            if len(word) > 1 and word[0].isalpha() and "\\" not in word:
                words.setdefault(word.casefold(), word)
    return words
