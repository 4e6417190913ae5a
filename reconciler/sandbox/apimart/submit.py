"""From a submitted body to a job, or a refusal. Pure, apart from asking for earlier tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.sandbox.apimart import follow_ups, generations
from reconciler.sandbox.apimart.asking import Ask
from reconciler.sandbox.apimart.records import Records
from reconciler.sandbox.apimart.videos import video
from reconciler.sandbox.apimart.words import Action, invalid
from reconciler.sandbox.jobs import Job

_BUILDERS: Mapping[Action, Callable[[Ask], Job]] = {
    Action.IMAGINE: generations.imagine,
    Action.BLEND: generations.blend,
    Action.DESCRIBE: generations.describe,
    Action.EDITS: generations.edits,
    Action.UPSCALE: follow_ups.upscale,
    Action.VARIATION: follow_ups.variation,
    Action.HIGH_VARIATION: follow_ups.vary_single,
    Action.LOW_VARIATION: follow_ups.vary_single,
    Action.REROLL: follow_ups.reroll,
    Action.ZOOM: follow_ups.zoom,
    Action.PAN: follow_ups.pan,
    Action.INPAINT: follow_ups.inpaint,
    Action.VIDEO: video,
    Action.REMIX_STRONG: follow_ups.remix,
    Action.REMIX_SUBTLE: follow_ups.remix,
}


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be told of a body without judging it. `parent` is a task id, or None."""

    prompt: str | None
    parent: str | None


def glimpse(body: object) -> Glimpse:
    """Look at a body that may be anything."""
    found = body if isinstance(body, dict) else {}
    prompt, parent = (found.get(name) for name in ("prompt", "task_id"))
    return Glimpse(
        prompt if isinstance(prompt, str) and prompt.strip() else None,
        parent if isinstance(parent, str) else None,
    )


def asked(action: Action, body: object, records: Records) -> Ask:
    """Return a body as what it asks for. Raises RefusalError 400 where it is no object."""
    if not isinstance(body, dict):
        raise invalid("request body must be a JSON object")
    return Ask(action, body, records)


def accept(ask: Ask) -> Job:
    """Return the job that a body asks for. Raises RefusalError.

    Source: APIMart facts, sections 2, 3, 4, 10.
    """
    return _BUILDERS[ask.action](ask)
