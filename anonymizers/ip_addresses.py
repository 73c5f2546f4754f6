"""Coarsen IP addresses to their network."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import polars as pl

from anonymizers.columns import filled

V4_PREFIX, V6_PREFIX = 24, 48

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4 = rf"^({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}$"


def generalize_ip(addresses: pl.Series) -> pl.Series:
    """Return the network of each of the n addresses, in order: `83.149.9.0/24`, `2001:db8:85a3::/48`.

    Host names, which may name a person's machine, and whatever else is no address become null.
    """
    return filled(addresses.str.extract(_V4) + f".0/{V4_PREFIX}", addresses, _network)


def _network(text: str) -> str | None:
    """Return the network of one address, also in brackets, with a port, a zone id or spaces around it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # Mapped and 6to4 (RFC 3056: 2002:V4ADDR::/48) addresses hold a whole IPv4 address.
        address = address.ipv4_mapped or address.sixtofour or address
    prefix = V4_PREFIX if isinstance(address, IPv4Address) else V6_PREFIX
    return str(ip_network((address, prefix), strict=False))
