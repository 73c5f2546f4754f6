import ipaddress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizers.ip_addresses import generalize_ip


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        (" 203.0.113.77 ", "203.0.113.0/24"),
        ("203.0.113.77:8080", "203.0.113.0/24"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::/48"),
        ("[2001:db8:85a3::1]:443", "2001:db8:85a3::/48"),
        ("[2001:db8:85a3::1]", "2001:db8:85a3::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2002:cb00:714d::1", "203.0.113.0/24"),
        ("203.0.113.077", None),
        ("203.0.113.300", None),
        ("203.0.113", None),
        ("adas-macbook.example.org", None),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_becomes_its_network(address, network):
    assert generalize_ip(pl.Series([address], dtype=pl.String)).to_list() == [network]


@given(st.lists(st.ip_addresses() | st.none(), max_size=20))
def test_no_address_survives_and_every_one_lies_in_its_network(addresses):
    texts = [None if a is None else str(a) for a in addresses]

    networks = generalize_ip(pl.Series(texts, dtype=pl.String)).to_list()

    for address, network in zip(addresses, networks, strict=True):
        if address is None:
            assert network is None
        else:
            net = ipaddress.ip_network(network)
            assert net.prefixlen == (24 if net.version == 4 else 48)
            embedded = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
            assert (embedded or address) in net
