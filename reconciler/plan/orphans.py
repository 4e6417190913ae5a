"""Paid work that no spec asks for any more: it is brought home, and its doubts stay visible.

Whoever edits a prompt while its task runs has paid for that task. Its pictures become a take that
is owned; if the prompt comes back, nothing has to be bought.
"""

from collections.abc import Collection, Iterator

from reconciler.money import NOTHING
from reconciler.plan import doubts
from reconciler.plan.actions import Action, Reason, Verb
from reconciler.plan.owned import Owned
from reconciler.plan.select import Selection
from reconciler.purchase import Phase, Purchase
from reconciler.spec.resource import TakeKey

_VERBS = {
    Phase.SUBMITTING: Verb.RESOLVE,
    Phase.IN_DOUBT: Verb.RESOLVE,
    Phase.SUBMITTED: Verb.WAIT,
    Phase.MODAL: Verb.WAIT,
    Phase.SUCCEEDED: Verb.FETCH,
}


def orphans(owned: Owned, wanted: Collection[TakeKey], selection: Selection) -> Iterator[Action]:
    """Yield an action for each unfinished purchase whose take is not wanted, the oldest first."""
    unfinished = (
        purchase
        for key, purchase in owned.purchases.items()
        if purchase.phase in _VERBS and key not in wanted and not _is_beyond_reach(purchase)
    )
    for purchase in sorted(unfinished, key=lambda one: (one.created_at, one.id)):
        if selection.allows_gone(purchase.address):
            yield _action(purchase, owned)


def _is_beyond_reach(purchase: Purchase) -> bool:
    return purchase.phase is Phase.SUCCEEDED and purchase.links_expire_at is None


def _action(purchase: Purchase, owned: Owned) -> Action:
    verb = _VERBS[purchase.phase]
    if purchase.phase is Phase.SUBMITTING and owned.run_active:
        verb = Verb.WAIT
    is_doubt = verb is Verb.RESOLVE
    return Action(
        purchase.address,
        verb,
        Reason.DOUBT_UNWANTED if is_doubt else Reason.NO_LONGER_ASKED,
        note=doubts.note(purchase, owned.now) if is_doubt else doubts.task(purchase),
        price=purchase.price if is_doubt else NOTHING,
        provider=purchase.provider,
        key=purchase.key,
        purchase=purchase,
    )
