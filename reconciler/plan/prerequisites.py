"""The provider's own task for one candidate, which some follow-ups start from.

APIMart sells the cutting out of a picture that we own; but its zoom, for one, starts only from such
a task. A plan then buys it, once for all that start there, under an address that no spec can use:
`library.@2` is the second candidate of `library`. It has no name on disk and is no part of what its
follow-ups are known by: the same spec has the same fingerprints wherever it is bought.
"""

from reconciler.ids import Address, CandidateNumber, parts_of
from reconciler.plan.standing import Start, Wanted
from reconciler.spec.request import Operation, Request, canonical, is_local, operation_of
from reconciler.spec.resource import Parent, Resource

ONLY = CandidateNumber(1)
"""The candidate of such a task that follow-ups start from."""


def prerequisite(follow_up: Wanted, start: Start, request: Request) -> Wanted:
    """Return the step as something wanted; failures name the line of its first follow-up."""
    above = start.standing
    if above.key is None:
        raise AssertionError(f"{follow_up.resource.address} starts from an unidentified parent")
    resource = Resource(
        address=Address(f"{above.resource.address}.@{start.candidate}"),
        provider=above.provider,
        operation=operation_of(request),
        canonical=canonical(request),
        parent=Parent(above.resource.address, start.candidate),
        pick=None,
        take=1,
        file=follow_up.resource.file,
        path=follow_up.resource.path,
    )
    key = resource.key(above.key, start.candidate)
    return Wanted(resource, above, start.candidate, key)


def is_prerequisite(resource: Resource) -> bool:
    """Whether it is such a step: nobody asked for it by name."""
    return resource.operation is Operation.SINGLE and not is_local(resource.request)


def in_words(address: Address) -> str:
    """Return `library@2` for `library.@2`; other addresses as they are."""
    last = parts_of(address)[-1]
    if not last.startswith("@"):
        return address
    return f"{address[: -len(last) - 1]}{last}"
