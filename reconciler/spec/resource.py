"""An expanded entry of a spec: what is wanted under an address, and where it was written."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.ids import Address, CandidateNumber, Digest, Fingerprint, ProviderName
from reconciler.spec.request import Operation, Request, decode, uses_candidate

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead from a YAML document's root to a node."""

FINGERPRINT_VERSION = 1


class Parent(NamedTuple):
    """What a variant derives from. `candidate` None follows the parent's pick."""

    address: Address
    candidate: CandidateNumber | None


class TakeKey(NamedTuple):
    """One purchase of a request, whatever it is called and however often it was attempted."""

    fingerprint: Fingerprint
    take: int


class LocalFile(NamedTuple):
    """A file of the project that a request refers to: its path, and its bytes' digest once read."""

    path: str
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One image or variant, ready to be compared with what is owned.

    `canonical` is the request's JSON form (request.py); `file` is relative to the project's root
    and `path` leads to the entry in it, so that a failure can name the line. `files` are the local
    pictures that the request refers to; `silenced` the rules of advice that nobody wants to hear
    here (advice.py).
    """

    address: Address
    provider: ProviderName
    operation: Operation
    canonical: str
    parent: Parent | None
    pick: CandidateNumber | None
    take: int
    file: str
    path: KeyPath
    files: tuple[LocalFile, ...] = ()
    silenced: tuple[str, ...] = ()

    @property
    def request(self) -> Request:
        """The request, decoded; cheap resources stay text until somebody needs the fields."""
        return decode(self.canonical)

    def key(self, parent: TakeKey | None, candidate: CandidateNumber | None) -> TakeKey:
        """Return what identifies this purchase.

        It depends on the request, the parent's take and the parent's candidate; not on the address,
        the file, the provider, or the parent's present text.
        """
        parts = [str(FINGERPRINT_VERSION), self.canonical]
        if parent is not None:
            used = candidate if uses_candidate(self.operation) else None
            parts.append(f"{parent.fingerprint}#{parent.take}@{used or '*'}")
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return TakeKey(Fingerprint(digest), self.take)
