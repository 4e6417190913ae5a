"""From a submitted body to a job, or a refusal. Pure, apart from asking for earlier tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from reconciler.sandbox.apixo import fields, words
from reconciler.sandbox.apixo.fields import Fields, invalid
from reconciler.sandbox.apixo.words import Mode, Speed
from reconciler.sandbox.drawing.painting import Commission, Painting, Treatment, seed_of
from reconciler.sandbox.jobs import Archive, Failure, Job, Phase, RefusalError, Task


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be told of a body without judging it. `parent` is a task id, or None."""

    mode: str | None
    prompt: str | None
    parent: str | None


def glimpse(body: object) -> Glimpse:
    """Look at a body that may be anything."""
    asked = body.get("input") if isinstance(body, dict) else None
    found = asked if isinstance(asked, dict) else {}
    texts = {
        name: value
        for name in ("mode", "prompt", "remixPrompt", "taskId")
        if isinstance(value := found.get(name), str)
    }
    prompt = texts.get("prompt") or texts.get("remixPrompt")
    return Glimpse(texts.get("mode"), prompt, texts.get("taskId"))


def accept(body: object, archive: Archive) -> Job:
    """Return the job that a body asks for. Raises RefusalError.

    Source: APIXO facts, sections 2, 4, 5, 10.4, 19.
    """
    if not isinstance(body, dict):
        raise RefusalError(400, "Invalid request body: a JSON object is expected")
    callback_url = _callback(body)
    asked = fields.obj(body, "input")
    if asked is None:
        raise RefusalError(400, "Missing required field: input")
    return replace(_builder(asked)(asked, archive), callback_url=callback_url)


def late(body: object, refusal: RefusalError) -> Job:
    """Return the job that a refused body becomes where the service accepts it and fails later.

    What such a task is charged until it fails is undocumented: here, a fast generation.
    """
    seen = glimpse(body)
    mode = seen.mode if seen.mode in list(Mode) else Mode.TEXT
    prompt = seen.prompt or ""
    content = {"mode": mode, "refused": refusal.message}
    return Job(
        mode=str(mode),
        prompt=prompt,
        content=content,
        price=words.generation_price(Speed.FAST, None, is_hd=False),
        pictures=0,
        duration=(1, 3),
        commission=Commission(_painting(prompt, (1, 1), "refused"), Treatment.SAME),
        callback_url=_callback(body) if isinstance(body, dict) else None,
        failure=Failure(refusal.fail_code or "MissingParameter", refusal.message),
    )


def _callback(body: Fields) -> str | None:
    """Return the callback URL; here plain HTTP will do, where the service wants HTTPS."""
    match body.get("request_type", "async"):
        case "async":
            return None
        case "callback":
            target = body.get("callback_url")
            try:
                return fields.url(target, "callback_url")
            except RefusalError:
                raise RefusalError(400, "Invalid or missing callback_url") from None
    raise RefusalError(400, "Invalid request_type: async or callback is expected")


def _builder(asked: Fields) -> Callable[[Fields, Archive], Job]:
    mode = asked.get("mode")
    if mode is None:
        raise RefusalError(400, "Missing required field: input.mode")
    builder = _BUILDERS.get(mode) if isinstance(mode, str) else None
    if builder is None:
        raise RefusalError(400, "Invalid mode type")
    return builder


def _generate(asked: Fields, archive: Archive) -> Job:  # noqa: ARG001 - a builder like the others
    mode = Mode(str(asked["mode"]))
    prompt, speed, version = fields.prompt(asked), _speed(asked), fields.text(asked, "version")
    if speed is Speed.DRAFT and version != words.DRAFT_VERSION:
        raise invalid(f"speed draft needs version {words.DRAFT_VERSION}")
    references = _references(asked)
    if mode is Mode.IMAGE and not references:
        raise invalid("image-to-image needs image_urls, sref_urls, cref_urls or oref_urls")
    ratio = _ratio(asked)
    content = {
        **_diffusion_content(asked),
        "mode": mode,
        "prompt": prompt,
        "speed": speed,
        "references": references,
        "aspect_ratio": ratio,
    }
    label = f"{mode} v{version} {speed}" if version else f"{mode} {speed}"
    painting = _painting(prompt, ratio, label)
    return Job(
        mode=mode,
        prompt=prompt,
        content=content,
        price=words.generation_price(speed, version, is_hd=fields.flag(asked, "is_hd")),
        pictures=words.PICTURES,
        duration=words.duration(mode, speed),
        commission=Commission(replace(painting, sketch=speed is Speed.DRAFT), Treatment.FRESH),
    )


def _edit(asked: Fields, archive: Archive) -> Job:
    prompt, speed = fields.prompt(asked), _speed(asked)
    if speed is Speed.DRAFT:
        raise invalid("speed draft is not offered for image-edit")
    fields.text(asked, "version")
    fields.text(asked, "remixPrompt")
    sources = fields.urls(asked, "image_urls")
    if len(sources) != 1:
        raise invalid("image-edit needs exactly one of image_urls", "Upload error")
    areas, canvas = fields.areas(asked), fields.size(asked, "canvas")
    place = fields.size(asked, "imgPos")
    base, failure = _edited(sources[0], archive)
    label = f"{Mode.EDIT} {speed}"
    base = replace(base, title=prompt, label=label, ratio=canvas or base.ratio)
    content = {
        "mode": Mode.EDIT,
        "prompt": prompt,
        "speed": speed,
        "place": place,
    }
    return Job(
        mode=Mode.EDIT,
        prompt=prompt,
        content=content,
        price=words.edit_price(speed),
        pictures=words.PICTURES,
        duration=words.duration(Mode.EDIT, speed),
        commission=Commission(base, Treatment.PATCH, areas),
        failure=failure,
    )


def _edited(source: str, archive: Archive) -> tuple[Painting, Failure | None]:
    """Return what an edit starts from. A picture of ours whose link has expired cannot be read."""
    own = archive.picture(source)
    if own is None:
        look = seed_of("elsewhere", source)
        return replace(_painting(source, (1, 1), ""), composition=look), None
    gone = Failure("Upload error", "The image URL could not be read")
    base = replace(own.task.commission.candidate(own.number), scale=1)
    return base, None if own.is_live else gone


def _vary(asked: Fields, archive: Archive) -> Job:
    kind = fields.index(asked, "type", len(words.VARY_TYPES))
    remix = fields.prompt(asked, "remixPrompt") if fields.text(asked, "remixPrompt") else None
    parent, base = _parent_picture(asked, archive, Mode.VARY)
    prompt = remix or parent.prompt
    base = replace(base, title=prompt, scale=1)
    treatment = Treatment.STRONG if kind else Treatment.SUBTLE
    name = f"vary {words.VARY_TYPES[kind]}"
    return _follow_up(asked, parent, Commission(base, treatment), name, words.PICTURES)


def _upscale(asked: Fields, archive: Archive) -> Job:
    kind = fields.index(asked, "type", len(words.UPSCALE_TYPES))
    parent, base = _parent_picture(asked, archive, Mode.UPSCALE)
    name = words.UPSCALE_TYPES[kind]
    base = replace(base, scale=4 if name == "4x" else 2)
    treatment = Treatment.SUBTLE if name == "creative" else Treatment.SAME
    return _follow_up(asked, parent, Commission(base, treatment), f"upscale {name}", 1)


def _enhance(asked: Fields, archive: Archive) -> Job:
    parent, base = _parent_picture(asked, archive, Mode.ENHANCE)
    return _follow_up(
        asked, parent, Commission(replace(base, sketch=False), Treatment.SAME), "enhance", 1
    )


def _reroll(asked: Fields, archive: Archive) -> Job:
    """Run a task again: same configuration, same price. Source: APIXO facts, sections 7, 13."""
    parent = _parent(asked, archive, Mode.REROLL)
    mode = Mode(str(parent.content["mode"]))
    return Job(
        mode=Mode.REROLL,
        prompt=parent.prompt,
        content=parent.content,
        price=parent.price,
        pictures=words.PICTURES,
        duration=words.duration(mode, Speed(str(parent.content.get("speed", Speed.FAST)))),
        commission=replace(parent.commission, seed=0),
    )


_BUILDERS: Mapping[str, Callable[[Fields, Archive], Job]] = {
    Mode.TEXT: _generate,
    Mode.IMAGE: _generate,
    Mode.EDIT: _edit,
    Mode.VARY: _vary,
    Mode.UPSCALE: _upscale,
    Mode.REROLL: _reroll,
    Mode.ENHANCE: _enhance,
}


def _follow_up(
    asked: Fields, parent: Task, commission: Commission, name: str, pictures: int
) -> Job:
    mode, index = Mode(str(asked["mode"])), asked["imageIndex"]
    label = f"{name} of {int(str(index)) + 1}"
    base = replace(commission.base, label=label)
    content = {"mode": mode, "name": name, "imageIndex": index, "taskId": parent.task_id}
    return Job(
        mode=mode,
        prompt=base.title,
        content=content,
        price=words.follow_up_price(mode),
        pictures=pictures,
        duration=words.duration(mode, Speed.FAST),
        commission=replace(commission, base=base),
    )


def _parent(asked: Fields, archive: Archive, mode: Mode) -> Task:
    """Return the task that a follow-up builds on. Source: APIXO facts, sections 3.1, 10.4."""
    task_id = fields.text(asked, "taskId")
    if not task_id:
        raise invalid("Missing required field: input.taskId")
    parent = archive.find(task_id)
    if parent is None:
        raise RefusalError(404, "Task not found", fail_code="MissingParameter")
    if parent.phase(archive.now) is not Phase.SUCCESS:
        raise invalid(f"The task is {parent.phase(archive.now)}: {mode} needs a successful one")
    if mode not in words.follow_ups(parent.mode, parent.content):
        wanted = "a draft result" if mode is Mode.ENHANCE else f"not a {parent.mode} result"
        raise invalid(f"{mode} is not supported for this task: it needs {wanted}")
    return parent


def _parent_picture(asked: Fields, archive: Archive, mode: Mode) -> tuple[Task, Painting]:
    index = fields.index(asked, "imageIndex", words.PICTURES)
    parent = _parent(asked, archive, mode)
    if index >= parent.pictures:
        raise invalid(f"Invalid parameter: imageIndex {index}, the task has {parent.pictures}")
    return parent, parent.commission.candidate(index + 1)


def _speed(asked: Fields) -> Speed:
    """Return the executed speed: relaxed and unspecified become fast. Source: section 5.1."""
    value = fields.text(asked, "speed")
    if value is not None and value not in list(Speed):
        raise invalid("Invalid parameter: speed must be fast, turbo or draft")
    speed = Speed(value or Speed.FAST)
    return Speed.FAST if speed is Speed.RELAXED else speed


def _ratio(asked: Fields) -> tuple[int, int]:
    value = fields.text(asked, "aspect_ratio")
    if value is not None and value not in words.ASPECT_RATIOS:
        allowed = " ".join(words.ASPECT_RATIOS)
        raise invalid(f"Invalid parameter: aspect_ratio must be one of {allowed}")
    return words.ASPECT_RATIOS[value or "1:1"]


def _references(asked: Fields) -> tuple[str, ...]:
    return (
        *fields.urls(asked, "image_urls"),
        *fields.references(asked, "sref_urls", weighted=True),
        *fields.references(asked, "cref_urls"),
        *fields.references(asked, "oref_urls"),
    )


def _diffusion_content(asked: Fields) -> dict[str, object]:
    """Return the fields that only change the look; of undocumented range, so checked by type."""
    numbers = ("iw", "sw", "sv", "stylization", "variety", "weirdness")
    return {
        **{name: fields.number(asked, name) for name in numbers},
        "version": fields.text(asked, "version"),
        "negative_prompt": fields.text(asked, "negative_prompt"),
        "is_hd": fields.flag(asked, "is_hd"),
    }


def _painting(prompt: str, ratio: tuple[int, int], label: str) -> Painting:
    colours = seed_of("colours", prompt)
    return Painting(title=prompt, motif=prompt, ratio=ratio, label=label, colours=colours)
