"""Addresses of clients, coarsened to their network."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import polars as pl

V4_PREFIX, V6_PREFIX = 24, 48

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4 = rf"^({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}$"


def generalize_ip(addresses: pl.Series) -> pl.Series:
    """Networks of addresses: `83.149.9.0/24`, `2001:db8:85a3::/48`; same order.

    Host names and everything that is not an address become null: they may name a person's machine.
    """
    frame = (
        addresses.rename("raw")
        .to_frame()
        .with_columns((pl.col("raw").str.extract(_V4) + f".0/{V4_PREFIX}").alias("network"))
    )
    odd = frame.filter(pl.col("network").is_null() & pl.col("raw").is_not_null())["raw"].unique()
    if odd.len():
        known = pl.DataFrame({"raw": odd, "odd": pl.Series([_network(a) for a in odd], dtype=pl.String)})
        frame = frame.join(known, on="raw", how="left", maintain_order="left").with_columns(
            pl.coalesce("network", "odd").alias("network")
        )
    return frame["network"].rename(addresses.name)


def _network(text: str) -> str | None:
    """Of one address, also in brackets, with a port, a zone id or spaces around it."""
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
