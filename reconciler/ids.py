"""The distinct kinds of identity; each is text, none may stand in for another."""

import re
from typing import NewType

Address = NewType("Address", str)
"""Name of a resource: `library.night.hero`, `poster[season=winter,ratio=1:1]`."""

Fingerprint = NewType("Fingerprint", str)
"""Lower-case hex SHA-256 over a request and the identity of its inputs."""

Digest = NewType("Digest", str)
"""Lower-case hex SHA-256 of an object's bytes."""

IntentId = NewType("IntentId", str)
"""Our own name for one attempt at a purchase; made before anything is sent."""

TaskId = NewType("TaskId", str)
"""What the provider answered to a submission; opaque."""

RunId = NewType("RunId", str)
"""One execution of `reconcile apply`."""

ProviderName = NewType("ProviderName", str)
"""A key under `providers:` in reconciler.yaml."""

CandidateNumber = NewType("CandidateNumber", int)
"""Which picture of a task, counted from 1 as Midjourney's U1..U4 do."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""What an image or variant may be called: safe in a shell, a file name and an address."""

_PART = re.compile(r"((?:[^.\[]|\[[^\]]*\]|\[)*)(?:\.|\Z)")


def parts_of(address: Address) -> list[str]:
    """Return the names along an address, its root image first; a dot in brackets parts nothing."""
    if "[" not in address:
        return address.split(".")
    return [match[1] for match in _PART.finditer(address) if match.start() < len(address)]
