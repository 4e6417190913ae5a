"""What APIMart refuses, ignores or rewrites and its table cannot say (sections 2 to 4).

An unknown version is accepted at first and its task fails later (section 3), so it is judged here.
"""

from collections.abc import Iterator, Sequence

from reconciler.providers.apimart import versions
from reconciler.providers.apimart.abilities import ABILITIES, INSTEAD
from reconciler.providers.apimart.bodies import starts_from_picture
from reconciler.providers.apimart.versions import Model, model_of
from reconciler.providers.judging import Judge
from reconciler.providers.protocol import Issue, Lineage
from reconciler.spec.request import Imagine, Remix, Request, Upscale, Upscaler, Video

NAME = "APIMart"
_JUDGE = Judge(NAME, ABILITIES, INSTEAD)


def issues(request: Request, lineage: Lineage) -> Iterator[Issue]:
    """Yield every issue of one request, given its ancestors (parent first)."""
    found = list(_JUDGE.issues(request, lineage))
    yield from found
    if any(one.field == ("version",) for one in found):
        return  # what depends on the version cannot be told
    match request:
        case Imagine():
            yield from _imagine(request)
        case Upscale():
            yield from _upscale(request, model_of(request, lineage))
        case Remix():
            yield from _remix(model_of(request, lineage))
        case Video() if starts_from_picture(request, lineage) or request.source:
            yield from _video_from_a_picture(request)


def _imagine(request: Imagine) -> Iterator[Issue]:
    model = Model(request.version, request.niji)
    if model.niji and model.version not in versions.NIJI_VERSIONS:
        yield _needs("niji", model, versions.NIJI_VERSIONS)
        return
    if request.draft and not _is_of(model, versions.DRAFT_VERSIONS):
        yield _needs("draft", model, versions.DRAFT_VERSIONS)
    if request.hd and not _is_of(model, versions.HD_VERSIONS):
        yield _needs("hd", model, versions.HD_VERSIONS)
    if request.raw and not model.niji and not _is_of(model, versions.RAW_VERSIONS):
        yield _needs("raw", model, versions.RAW_VERSIONS)
    if request.stop is not None and not _can_stop(model):
        yield _needs("stop", model, versions.STOP_VERSIONS)


def _is_of(model: Model, documented: tuple[str, ...]) -> bool:
    return not model.niji and model.version in documented


def _can_stop(model: Model) -> bool:
    return _is_of(model, versions.STOP_VERSIONS) or (
        model.niji and model.version in versions.STOP_NIJI_VERSIONS
    )


def _needs(field: str, model: Model, documented: tuple[str, ...]) -> Issue:
    listed = _listed(documented)
    return Issue(
        (field,),
        f"APIMart documents `{field}` for version {listed}; here is {model}",
        f'write `version: "{documented[-1]}"`, or remove `{field}`',
    )


def _listed(documented: Sequence[str]) -> str:
    *others, last = documented
    return f"{', '.join(others)} or {last}" if others else last


def _upscale(request: Upscale, model: Model) -> Iterator[Issue]:
    """Section 4: the button's command depends on the version, and few are documented."""
    if versions.upscale_command(request.upscale, model) is None:
        documented = _listed(versions.upscalable(request.upscale))
        yield Issue(
            ("upscale",),
            f"APIMart documents `upscale: {request.upscale}` for version {documented};"
            f" the image has {model}",
            _upscale_hint(model),
        )


def _upscale_hint(model: Model) -> str:
    """Return what can be done for this image; for some models no upscaler is documented at all."""
    free = "`single: true` makes the candidate a picture of its own, free"
    if usable := versions.upscalers(model):
        return f"{model} has {_listed(usable)}; {free}"
    if model.niji:
        return f"no niji has an upscaler; {free}"
    owners: dict[str, list[Upscaler]] = {}
    for one in Upscaler:
        owners.setdefault(_listed(versions.upscalable(one)), []).append(one)
    table = "; ".join(f"{listed}: {' and '.join(words)}" for listed, words in owners.items())
    begin = "say the image's `version`" if model.version is None else f"{model} has no upscaler"
    return f"{begin} ({table}); {free}"


def _remix(model: Model) -> Iterator[Issue]:
    if not _is_of(model, versions.REMIX_VERSIONS):
        yield Issue(
            ("remix",),
            f"APIMart documents `remix` for version {_listed(versions.REMIX_VERSIONS)};"
            f" the image has {model}",
            "use `vary`, which takes no words, or an image of that version",
        )


def _video_from_a_picture(request: Video) -> Iterator[Issue]:
    """Section 4: only a task brings its own words, and what may move by itself."""
    if request.prompt is None:
        yield Issue(
            ("video",),
            "APIMart needs words for a video that begins with a picture and not with an image's"
            " own task",
            "add a `prompt`",
        )
    if request.auto:
        yield Issue(
            ("video", "auto"),
            "APIMart has `auto` only for videos of an image's own task",
            "remove `auto`",
        )
