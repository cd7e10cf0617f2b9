"""Networks of addresses, as settings name them.

An IPv6 network of mapped IPv4 addresses is the same as the IPv4 network.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


def network(text: str) -> IPv4Network | IPv6Network:
    """The network, or the one address, that `text` names. Raises ValueError, which says what is valid."""
    try:
        found = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an address nor a network; write for example 10.0.0.7, 10.0.0.0/8 or "
            "2001:db8::/32 (a host's name is none of them); commas separate several in TIDEGATE_TRUSTED_PROXIES"
        ) from None
    if ip_address(text.strip().partition("/")[0]) != found.network_address:
        raise ValueError(f"{text} has bits beyond its network; write {found}, or the address alone")
    if isinstance(found, IPv6Network) and found.prefixlen >= 96 and found.network_address.ipv4_mapped is not None:
        return IPv4Network((int(found.network_address.ipv4_mapped), found.prefixlen - 96))
    return found
