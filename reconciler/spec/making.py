"""One entry's validated fields → the request that it asks for, with its prompt's flags. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from reconciler.spec import flags
from reconciler.spec.models import (
    AnyEntry,
    BlendEntry,
    DescribeEntry,
    EditEntry,
    EnhanceEntry,
    FollowUpEntry,
    ImagineEntry,
    InpaintEntry,
    PanEntry,
    RemixEntry,
    RerollEntry,
    SingleEntry,
    UpscaleEntry,
    VaryEntry,
    VideoEntry,
    ZoomEntry,
)
from reconciler.spec.problems import Finding
from reconciler.spec.request import (
    Blend,
    Describe,
    Enhance,
    Imagine,
    Inpaint,
    Operation,
    Pan,
    Remix,
    Request,
    Reroll,
    Single,
    Upscale,
    Vary,
    Zoom,
)
from reconciler.spec.values import folded, shown

_IMAGINE_FIELDS: Final = frozenset(Imagine.__dataclass_fields__) - {"prompt"}


def written(model: Any) -> dict[str, Any]:
    """Return the values that were written, not those that the model fills in."""
    content = model.__dict__
    return {name: content[name] for name in model.model_fields_set}


def request_of(
    model: AnyEntry, operation: Operation, defaults: Mapping[str, Any]
) -> tuple[Request, list[Finding]]:
    """Return what an entry asks for, and what is wrong with its prompt."""
    if isinstance(model, ImagineEntry):
        return _imagine(model, defaults)
    found = _flags_refused(getattr(model, "prompt", None), operation)
    if isinstance(model, EditEntry | BlendEntry | DescribeEntry | VideoEntry):
        return _root(model, defaults), found
    return _follow_up(model), found


def _root(
    model: EditEntry | BlendEntry | DescribeEntry | VideoEntry, defaults: Mapping[str, Any]
) -> Request:
    """Return what may stand alone; defaults reach the fields that it has."""
    match model:
        case EditEntry():
            version = model.version or defaults.get("version")
            return model.edit.request(model.prompt, version, _speed(model, defaults))
        case BlendEntry():
            ratio = model.aspect_ratio or defaults.get("aspect_ratio")
            pictures = tuple(one.reference() for one in model.blend)
            return Blend(pictures, ratio, _speed(model, defaults))
        case DescribeEntry():
            source = model.describe.reference() if model.describe else None
            return Describe(source, _speed(model, defaults))
        case VideoEntry():
            return model.video.request(model.prompt)


def _speed(model: EditEntry | BlendEntry | DescribeEntry, defaults: Mapping[str, Any]) -> Any:
    return model.speed or defaults.get("speed")


def _follow_up(model: FollowUpEntry) -> Request:
    match model:
        case VaryEntry():
            return Vary(model.vary, model.prompt)
        case UpscaleEntry():
            return Upscale(model.upscale)
        case RerollEntry():
            return Reroll()
        case EnhanceEntry():
            return Enhance()
        case SingleEntry():
            return Single()
        case ZoomEntry():
            return Zoom(model.zoom)
        case PanEntry():
            return Pan(model.pan)
        case InpaintEntry():
            return Inpaint(model.inpaint.mask.reference(), model.prompt)
        case RemixEntry():
            return Remix(model.remix, model.prompt)


def prompt_findings(prompt: object, operation: Operation) -> list[Finding]:
    """Return what is wrong with a prompt whose entry cannot be used for other reasons."""
    if not isinstance(prompt, str) or not (text := folded(prompt)):
        return []
    if operation is Operation.IMAGINE:
        return flags.lift(text).problems
    return _flags_refused(text, operation)


def _imagine(model: ImagineEntry, defaults: Mapping[str, Any]) -> tuple[Imagine, list[Finding]]:
    given = {key: value for key, value in written(model).items() if key in _IMAGINE_FIELDS}
    lifted = flags.lift(model.prompt)
    found = list(lifted.problems)
    for name, value in lifted.fields.items():
        if name in given and given[name] != value:
            message = (
                f"`{lifted.spelt[name]}` in the prompt contradicts {_field(name, given[name])}"
            )
            flag = lifted.spelt[name].partition(" ")[0]
            found.append(Finding(("prompt",), message, "keep one of the two", fragment=flag))
    if not lifted.text:
        found.append(Finding(("prompt",), "the prompt has flags but no words"))
    inherited = {key: value for key, value in defaults.items() if key in _IMAGINE_FIELDS}
    return Imagine(lifted.text, **(inherited | lifted.fields | given)), found


def _field(name: str, value: object) -> str:
    return f"`{name}`" if isinstance(value, tuple) else f"`{name}: {shown(value).strip('`')}`"


def _flags_refused(prompt: str | None, operation: Operation) -> list[Finding]:
    word = flags.first_flag(prompt or "")
    if word is None:
        return []
    message = f"the prompt of `{operation.value}` takes no flags: {shown(word)}"
    hint = "remove it; providers drop what follows `--`"
    return [Finding(("prompt",), message, hint, fragment=word)]
