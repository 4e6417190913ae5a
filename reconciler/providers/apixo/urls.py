"""Which pictures APIXO can fetch: public direct URLs only, there is no upload (section 14)."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from reconciler.providers.protocol import Issue
from reconciler.spec.request import Reference


def url_issues(field: tuple[str | int, ...], reference: Reference) -> Iterator[Issue]:
    """Yield why APIXO could not fetch this picture; the name is not resolved."""
    if not reference.is_url:
        yield Issue(
            field,
            f"APIXO takes public URLs only, and `{reference.location}` is a local file",
            "put the picture at a public URL and write that",
        )
        return
    problem = _unreachable(reference.location)
    if problem:
        yield Issue(field, f"APIXO cannot fetch this URL: {problem}", "use a public direct URL")


def _unreachable(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "it is malformed"
    if not host:
        return "it has no host"
    if parts.username is not None:
        return "it carries a user name"
    return _private_host(host)


def _private_host(host: str) -> str | None:
    """A name without a dot means something in a local network only, if anything."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_private = "." not in host or host.endswith((".localhost", ".local", ".internal"))
        return f"`{host}` is a private name" if is_private else None
    return None if address.is_global else f"{host} is a private address"
