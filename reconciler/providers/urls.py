"""Which addresses an API can fetch from: public direct URLs. The name is not resolved."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from reconciler.providers.protocol import Issue
from reconciler.spec.request import Reference


def url_issues(name: str, field: tuple[str | int, ...], reference: Reference) -> Iterator[Issue]:
    """Yield why the API of that name could not fetch this picture.

    A local file is nobody's concern here: it gets its public URL when it is sent.
    """
    problem = unreachable(reference.location) if reference.is_url else None
    if problem:
        hint = "use a public direct URL"
        yield Issue(field, f"{name} cannot fetch this URL: {problem}", hint)


def unreachable(url: str) -> str | None:
    """Return why nobody on the internet could fetch from there; None where that may be possible."""
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
