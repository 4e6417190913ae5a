"""Videos: from a first frame, or from a candidate of an imagine task.

Source: APIMart facts, sections 2, 4.
"""

from reconciler.sandbox.apimart import asking, fields, words
from reconciler.sandbox.apimart.asking import Ask, Result
from reconciler.sandbox.apimart.follow_ups import candidate, parent_of
from reconciler.sandbox.apimart.words import Action, invalid
from reconciler.sandbox.drawing.painting import Commission, Painting, Treatment
from reconciler.sandbox.jobs import Content, Job

_ANIMATE_MODES = ("manual", "auto")
_MOTIONS = ("high", "low")


def video(ask: Ask) -> Job:
    """Return a job of one, two or four clips; each is charged. `speed` is no field of it."""
    urls = ask.urls()
    if bool(urls) == bool(ask.body.get("task_id")):
        raise invalid("video needs either image_urls or task_id")
    common = {**_common(ask), "full": _words(ask)}
    if urls:
        return _from_picture(ask, urls, common)
    return _from_task(ask, common)


def _from_picture(ask: Ask, urls: tuple[str, ...], common: Content) -> Job:
    if len(urls) != 1:
        raise invalid("image_urls must hold exactly one first frame")
    if not _words(ask):
        raise invalid("prompt is required for video with image_urls")
    if common["animate_mode"] == "auto":
        raise invalid("animate_mode auto needs task_id and index")
    first = ask.records.source(urls[0], "image_urls")
    return asking.job(ask, _words(ask), {**common, "image_urls": urls}, _clips(first, common))


def _from_task(ask: Ask, common: Content) -> Job:
    wrong = "video needs a successful imagine task"
    parent = parent_of(ask, frozenset({Action.IMAGINE}), wrong)
    index = fields.whole(ask.body, "index", 0, words.PICTURES - 1)
    if index is None:
        raise invalid("index is required for video with task_id")
    inherited = {name: parent.content.get(name) for name in ("version", "niji")}
    prompt = _words(ask) or parent.prompt
    own = {"task_id": parent.task_id, "index": index, "full": prompt}
    clips = _clips(candidate(parent, index + 1), common)
    return asking.job(ask, prompt, {**common, **inherited, **own}, clips)


def _clips(first: Painting, common: Content) -> Result:
    """Return as many clips as were asked for; candidates differ by the way they move."""
    commission = Commission(first, Treatment.SAME)
    return Result(commission, pictures=int(str(common["batch_size"])))


def _common(ask: Ask) -> dict[str, object]:
    """Return a clip's form. An `end_url` makes it a start-and-end one by itself."""
    body, end = ask.body, fields.text(ask.body, "end_url")
    kind = fields.choice(body, "video_type", words.VIDEO_TYPES) or next(iter(words.VIDEO_TYPES))
    if end:
        ask.records.source(fields.url(end, "end_url", ask.records.base), "end_url")
        kind = words.VIDEO_TYPES[kind]
    return {
        **({"metadata": fields.obj(body, "metadata")} if body.get("metadata") else {}),
        "video_type": kind,
        "animate_mode": fields.choice(body, "animate_mode", _ANIMATE_MODES) or "manual",
        "motion": fields.choice(body, "motion", _MOTIONS) or "high",
        "batch_size": _batch(ask),
        "end_url": end,
    }


def _batch(ask: Ask) -> int:
    """Return how many clips: strictly 1, 2 or 4, as one of two contradicting texts has it."""
    size = fields.whole(ask.body, "batch_size", 1, 4)
    if size is not None and size not in words.BATCH_SIZES:
        raise invalid("batch_size must be 1, 2 or 4")
    return size or 1


def _words(ask: Ask) -> str:
    return (fields.text(ask.body, "prompt") or "").strip()
