"""The rule about pictures on other people's servers, which may be gone when they are needed.

Why: APIMart facts, section 3.1 ("third-party URLs may expire") and section 11 (results live 24 to
72 hours by the vendors' own words).
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from reconciler.advice.given import Advice
from reconciler.spec.advice_rules import Rule
from reconciler.spec.resource import KeyPath

SIGNED: Final = frozenset(
    {
        *("expires", "expiry", "expire", "exp", "signature", "sig", "token", "access_token", "se"),
        *("x-amz-expires", "x-amz-signature", "x-amz-security-token"),
        *("x-goog-expires", "x-goog-signature", "x-oss-expires", "x-oss-signature"),
        *("key-pair-id", "q-signature"),
    }
)
"""Names in a URL's query with which the large stores sign links that live for a while only."""

PASSING: Final = (
    *("cdn.discordapp.com", "media.discordapp.net", "cdn.midjourney.com"),
    *("cdn.apimart.ai", "upload.apimart.ai", "getapib.org", "file.apixo.ai", "cdn.apixo.ai"),
)
"""Hosts, with all below them, that promise their links to nobody: Discord's and Midjourney's, and
those of both vendors' results (APIMart facts, section 6; APIXO facts, section 3)."""

_HINT = "save the picture in the project and write its path: then its bytes count, not its place"


def expiring_url(field: KeyPath, url: str) -> Iterator[Advice]:
    """Judge one reference's URL. The answer never repeats a signature."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    signed = next((name for name in names if name.lower() in SIGNED), None)
    if any(host == one or host.endswith(f".{one}") for one in PASSING):
        message = f"`{host}` keeps no picture for ever"
    elif signed is not None:
        message = f"this link to `{host}` is signed (`{signed}`) and will expire"
    else:
        return
    yield Advice(Rule.EXPIRING_URL, field, message, _HINT)
