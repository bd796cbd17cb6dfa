"""Which names and addresses the egress may reach: public ones, by name, on port 443. Used by kit.http."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from portal.kit.errors import NeedsPerson

# Python 3.11 calls several of these global (reliability-security.md T16), so they are named here.
_DENIED = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # shared address space
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible, the unspecified and the loopback address
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64 of any IPv4 address
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # former site-local
    )
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A top-level label starts with a letter, which no notation of an IPv4 address does.
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])")
_ODD = re.compile(r"[^\x21-\x7e]|\\")
# Where anybody gets a mailbox: that two people share such a domain says nothing about them.
FREE_MAIL = frozenset(
    {
        *(
            "gmail.com",
            "googlemail.com",
            "outlook.com",
            "outlook.de",
            "hotmail.com",
            "hotmail.co.uk",
            "hotmail.de",
        ),
        *("hotmail.fr", "live.com", "live.de", "msn.com", "yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr"),
        *("ymail.com", "rocketmail.com", "aol.com", "icloud.com", "me.com", "mac.com", "gmx.com", "gmx.de"),
        *(
            "gmx.net",
            "gmx.at",
            "gmx.ch",
            "web.de",
            "freenet.de",
            "t-online.de",
            "mail.com",
            "mail.ru",
            "yandex.com",
        ),
        *(
            "yandex.ru",
            "proton.me",
            "protonmail.com",
            "pm.me",
            "tutanota.com",
            "tuta.com",
            "posteo.de",
            "zoho.com",
        ),
        *(
            "fastmail.com",
            "hey.com",
            "orange.fr",
            "free.fr",
            "laposte.net",
            "wanadoo.fr",
            "libero.it",
            "comcast.net",
        ),
        *(
            "verizon.net",
            "att.net",
            "btinternet.com",
            "qq.com",
            "163.com",
            "126.com",
            "naver.com",
            "rediffmail.com",
        ),
    }
)


def is_public(address: str) -> bool:
    """Whether `address` (IPv4 or IPv6, as text) is one of the public internet and nothing special."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip.version == network.version and ip in network for network in _DENIED)


def is_free_mail(domain: str) -> bool:
    """Whether mailboxes of this domain are given to anybody, so that it names no company."""
    return domain.strip().lower() in FREE_MAIL


def host_of(url: str) -> str:
    """The host of an acceptable URL: https, a plain ASCII name, port 443, nothing odd. Raises NeedsPerson."""
    if _ODD.search(url):
        raise refused("it holds a character that no web address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refused("it is no web address") from None
    if parts.scheme != "https":
        raise refused("it does not start with https")
    if "@" in parts.netloc:
        raise refused("it carries a user name")
    if port not in (None, 443):
        raise refused("its port is not 443")
    # `hostname` has lost the case and the port, the netloc has not.
    host = parts.netloc.lower().removesuffix(":443")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise refused("its host is not a plain public name")
    return host


def refused(why: str) -> NeedsPerson:
    """The address itself is never repeated: what was typed may hold a secret."""
    return NeedsPerson(
        f"This address is not one we may call: {why}. Check the address, domain or subdomain.",
        code="forbidden_address",
    )
