"""APIXO's Midjourney API. Facts: docs/providers/apixo.md; each is named by its section there."""

from collections.abc import Iterator
from datetime import timedelta

from reconciler.ids import TaskId
from reconciler.money import MicroUsd
from reconciler.providers.apixo import prices, rules, wire
from reconciler.providers.apixo.abilities import ABILITIES
from reconciler.providers.protocol import (
    Attachment,
    Cadence,
    Capabilities,
    Exchange,
    Issue,
    Lineage,
    Order,
    TaskState,
    TryAgain,
    Uploaded,
)
from reconciler.purchase import Accepted, AnswerLost, Refused
from reconciler.spec.request import Edit, Imagine, Request, Reroll, Single, Speed


class Apixo:
    """The adapter; its parts are in rules (offline), prices and wire."""

    can = Capabilities(
        link_lifetime=timedelta(hours=24),  # section 14, the cautious reading
        refunds_failures=False,  # section 13: undocumented
        requests_per_minute=10,  # section 12, the Free plan
        concurrent=3,
        prices=prices.TABLE,
        operations=ABILITIES,
        sandbox_path="/api/v1",
    )
    name = "APIXO"

    def issues(self, request: Request, lineage: Lineage) -> Iterator[Issue]:
        """Yield every documented reason for a refusal or a silent change."""
        return rules.issues(request, lineage)

    def price_key(self, request: Request, lineage: Lineage) -> str:
        """Return the row of section 13's table that bills this request."""
        return prices.key(request, lineage)

    def units(self, request: Request) -> int:  # noqa: ARG002 - the same for all
        """Return 1: every task is charged once."""
        return 1

    def cadence(self, request: Request, lineage: Lineage) -> Cadence:
        """Return section 8's rhythm; drafts and edits, undocumented, are polled like fast work.

        So is a reroll whose source is not known any more.
        """
        match request:
            case Reroll() | Single() if lineage:
                return self.cadence(lineage[0], lineage[1:])
            case Imagine(speed=Speed.TURBO):
                return Cadence(first=20, interval=(3, 5), usual=(15, 25))
            case Imagine() | Edit() | Reroll():
                return Cadence(first=20, interval=(3, 5), usual=(30, 45))
            case _:
                return Cadence(first=15, interval=(3, 5), usual=(15, 60))

    def prerequisite(
        self,
        request: Request,  # noqa: ARG002 - the same for all
        lineage: Lineage,  # noqa: ARG002
    ) -> Request | None:
        """Return None: every follow-up starts from the parent's task (section 4)."""
        return None

    def starts_from_picture(self, request: Request, lineage: Lineage) -> bool:
        """Whether it is an edit of a parent's candidate: that takes a URL (section 4)."""
        return isinstance(request, Edit) and bool(lineage)

    def submit(self, order: Order) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
        """Buy one task (sections 2 and 4)."""
        return wire.submit(order)

    def has_second_step(self, request: Request) -> bool:  # noqa: ARG002 - the same for all
        """Return False: one call makes a task."""
        return False

    def go_on(
        self, task_id: TaskId, order: Order
    ) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
        """No task of this API has a second step."""
        raise NotImplementedError

    def upload(self, picture: Attachment) -> Exchange[Uploaded | Refused | TryAgain]:
        """This API takes no picture (section 14)."""
        raise NotImplementedError

    def poll(self, task_id: TaskId) -> Exchange[TaskState]:
        """Ask how a task stands (section 3)."""
        return wire.poll(task_id)

    def balance(self) -> Exchange[MicroUsd | TryAgain]:
        """Ask what is left of the key's balance (section 11)."""
        return wire.balance()
