"""APIMart's Midjourney API. Facts: docs/providers/apimart.md, each named by its section there."""

from collections.abc import Iterator
from datetime import timedelta

from reconciler.ids import TaskId
from reconciler.money import MicroUsd
from reconciler.providers.apimart import account, bodies, polling, prices, rules, submitting
from reconciler.providers.apimart.abilities import ABILITIES
from reconciler.providers.judging import made_by
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
from reconciler.spec.request import (
    Describe,
    Inpaint,
    Pan,
    Request,
    Single,
    Strength,
    Upscale,
    Vary,
    Zoom,
)

_BETWEEN_POLLS = (3.0, 5.0)


class Apimart:
    """The adapter; its parts are in rules (offline), prices, bodies, submitting and polling."""

    can = Capabilities(
        link_lifetime=timedelta(hours=24),  # section 11, the cautious reading
        refunds_failures=True,  # sections 8 and 12
        requests_per_minute=30,  # section 13: there is a cap, and its number is undocumented
        concurrent=10,  # section 13: the vendor's sample; more are queued at their side
        prices=prices.TABLE,
        operations=ABILITIES,
        task_lifetime=timedelta(days=3),  # section 11
        upload_lifetime=timedelta(hours=72),  # section 16
        sandbox_path="",
        own_prefix="v1",
    )
    name = "APIMart"

    def issues(self, request: Request, lineage: Lineage) -> Iterator[Issue]:
        """Yield every documented reason for a refusal or a silent change."""
        return rules.issues(request, lineage)

    def price_key(self, request: Request, lineage: Lineage) -> str:
        """Return the row of section 12's table that bills this request."""
        return prices.key(request, lineage)

    def units(self, request: Request) -> int:
        """Return how many clips or repetitions are charged (section 12)."""
        return prices.units(request)

    def cadence(self, request: Request, lineage: Lineage) -> Cadence:  # noqa: ARG002 - the same for all
        """Return sections 4 and 13's rhythm; what they do not time is polled like a generation."""
        match request:
            case Describe() | Single():
                return Cadence(first=3, interval=_BETWEEN_POLLS, usual=(1, 3))
            case Inpaint():  # it waits for its second step at once
                return Cadence(first=3, interval=_BETWEEN_POLLS, usual=(60, 90))
            case Upscale():
                return Cadence(first=20, interval=_BETWEEN_POLLS, usual=(60, 120))
            case _:
                return Cadence(first=15, interval=_BETWEEN_POLLS, usual=(30, 60))

    def prerequisite(self, request: Request, lineage: Lineage) -> Request | None:
        """Return the single-image task that some follow-ups start from (section 2)."""
        match request:
            case Zoom() | Pan() | Inpaint() | Vary(vary=Strength.STRONG):
                parent = made_by(lineage)
                is_single = isinstance(parent, Upscale | Single)
                return None if is_single else Single(at_provider=True)
            case _:
                return None

    def starts_from_picture(self, request: Request, lineage: Lineage) -> bool:
        """Whether a follow-up takes a picture instead of the parent's task (section 2)."""
        return bodies.starts_from_picture(request, lineage)

    def submit(self, order: Order) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
        """Buy one task (sections 2 to 5)."""
        return submitting.submit(order)

    def has_second_step(self, request: Request) -> bool:
        """Whether it is inpainting, which waits for its mask (section 4)."""
        return isinstance(request, Inpaint)

    def go_on(
        self, task_id: TaskId, order: Order
    ) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
        """Send an inpainting's mask (section 4, modal)."""
        return submitting.go_on(task_id, order)

    def poll(self, task_id: TaskId) -> Exchange[TaskState]:
        """Ask how a task stands (sections 6 to 8)."""
        return polling.poll(task_id)

    def upload(self, picture: Attachment) -> Exchange[Uploaded | Refused | TryAgain]:
        """Have a picture kept for 72 hours (section 16)."""
        return account.upload(picture)

    def balance(self) -> Exchange[MicroUsd | TryAgain]:
        """Ask what is left of the key's balance, or of the account's (section 17)."""
        return account.balance()
