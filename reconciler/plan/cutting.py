"""Pictures that are made here from what we own: one candidate as a picture of its own, for free."""

from dataclasses import replace

from reconciler.plan.actions import Action, Reason, Verb
from reconciler.plan.facts import Facts
from reconciler.plan.offers import Hindrance, not_delivered
from reconciler.plan.standing import Start, Wanted, frame
from reconciler.purchase import Purchase


def cut_out(wanted: Wanted, purchase: Purchase | None, facts: Facts) -> Action:
    """Return what brings the picture here, or why nothing does.

    Its bytes are those of the picture at the provider, also where that was cut out here before. A
    parent that was bought anew makes it another picture; one whose
    bytes come again brings these back as well.
    """
    start = wanted.start
    if start is None:
        raise AssertionError(f"{wanted.resource.address} is cut out of nothing")
    action = replace(
        frame(wanted, purchase),
        verb=Verb.DERIVE,
        reason=Reason.CUT_AGAIN if purchase else Reason.CUT_OUT,
        after=(),
    )
    if _is_here(start, facts):
        return action
    hindered = _hindrance(wanted, start, purchase)
    if hindered is not None:
        return replace(action, **hindered._asdict())
    return replace(action, after=(start.standing.resource.address,))


def _is_here(start: Start, facts: Facts) -> bool:
    made, number = start.standing.purchase, start.candidate
    one = made.candidate(number) if made and number else None
    return one is not None and not facts.is_lost(one.picture)


def _hindrance(wanted: Wanted, start: Start, purchase: Purchase | None) -> Hindrance | None:
    """Return why the parent's picture is not on its way to us."""
    parent = start.standing
    address, made = parent.resource.address, parent.purchase
    missing = None
    if made is not None and made.candidates:
        missing = not_delivered(made, start.candidate, wanted.resource)
    if missing is not None or parent.verb.is_work:
        return missing
    if parent.verb is Verb.KEEP:  # what is selected and not here is fetched, bought or blocked
        note = f"add {address}, or select `+{wanted.resource.address}`"
        return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_SELECTED, note)
    reason = Reason.BYTES_GONE if purchase else Reason.PARENT_NOT_READY
    return Hindrance(Verb.BLOCKED, reason, f"see {address}")
