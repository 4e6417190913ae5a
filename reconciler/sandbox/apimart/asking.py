"""One submission on its way to a job: what was asked, and the job that answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.sandbox.apimart import fields, words
from reconciler.sandbox.apimart.fields import Fields
from reconciler.sandbox.apimart.prices import price_of
from reconciler.sandbox.apimart.records import Records
from reconciler.sandbox.apimart.words import Action, invalid
from reconciler.sandbox.desk import magic_word
from reconciler.sandbox.drawing.painting import Commission, Painting, Treatment, seed_of
from reconciler.sandbox.jobs import Failure, Job, Pace, RefusalError, Vendor

_OVERDUE = Failure("TIMEOUT", words.TIMEOUT)
_CANCELLED = Failure("CANCEL", words.MODAL_TIMEOUT)

PROXY_BANNED = 24
"""The code of a banned prompt in the other envelope. Source: APIMart facts, section 10.2."""


class BannedError(RefusalError):
    """The prompt is banned, told in the other envelope with HTTP 200."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A body that an endpoint has received, and the records it may refer to."""

    action: Action
    body: Fields
    records: Records

    def speed(self) -> str:
        """Return how fast; relax unless told otherwise. Source: APIMart facts, section 3."""
        return fields.choice(self.body, "speed", words.SPEEDS) or "relax"

    def urls(self, name: str = "image_urls") -> tuple[str, ...]:
        """Return the URLs of input pictures."""
        return fields.urls(self.body, name, self.records.base)

    def common(self) -> dict[str, object]:
        """Return what every submission may bring."""
        metadata = fields.obj(self.body, "metadata")
        return {"speed": self.speed(), **({"metadata": metadata} if metadata else {})}


@dataclass(frozen=True, slots=True)
class Result:
    """What a job gives: how many pictures (or clips), and how they are drawn."""

    commission: Commission
    pictures: int = words.PICTURES
    duration: tuple[float, float] | None = None


def job(
    ask: Ask,
    prompt: str,
    content: Mapping[str, object],
    result: Result,
    failure: Failure | None = None,
) -> Job:
    """Return the job of a submission, priced. Raises RefusalError for a banned prompt."""
    settings, speed = ask.records.settings, str(content.get("speed", "relax"))
    return Job(
        mode=ask.action,
        prompt=prompt,
        content=content,
        price=price_of(ask.action, content, settings.prices),
        pictures=result.pictures,
        duration=result.duration or words.duration(ask.action, speed),
        commission=result.commission,
        failure=failure or moderated(ask, prompt),
        vendor=Vendor.APIMART,
        pace=Pace(
            limit=settings.patience.total_seconds(),
            overdue=_CANCELLED if ask.action is Action.INPAINT else _OVERDUE,
            queues=True,
            is_instant=ask.action in (Action.DESCRIBE, Action.UPSCALE),
            pauses=ask.action is Action.INPAINT,
        ),
    )


def moderated(ask: Ask, prompt: str) -> Failure | None:
    """Return how a prompt with a magic word fails. Raises RefusalError where it is refused.

    `422` and `24` name the answer; other words fail the task, moderation as the settings say.
    Source: APIMart facts, sections 10.1, 10.2, 10.3.
    """
    word = magic_word(prompt)
    if word is None:
        return None
    way = word if word in ("422", "24") else ask.records.settings.moderation
    if word in words.BANNED_CODES or way == word:
        if way == "422" and ask.action in words.MODERATED:
            raise RefusalError(422, words.BANNED)
        if way == "24":
            raise BannedError(PROXY_BANNED, words.BANNED)
        return Failure("BANNED", words.BANNED)
    return Failure(word, word)


def task_id_of(ask: Ask) -> str:
    """Return the parent's id. Raises RefusalError 400 where it is missing."""
    found = fields.text(ask.body, "task_id")
    if not found:
        name = ask.action.value.lower().replace("_", "-")
        raise invalid(f"task_id is required for {name}")
    return found


def painting(prompt: str, ratio: tuple[int, int], label: str) -> Painting:
    """Return a fresh painting of a prompt."""
    colours = seed_of("colours", prompt)
    return Painting(title=prompt, motif=prompt, ratio=ratio, label=label, colours=colours)


def fresh(base: Painting) -> Result:
    """Return four new pictures."""
    return Result(Commission(base, Treatment.FRESH))


def titled(base: Painting, title: str, label: str) -> Painting:
    """Return a painting with other words on it, at its plain size."""
    return replace(base, title=title or base.title, label=label, scale=1)
