"""Submissions that start from words and pictures: imagine, blend, describe, edits, video."""

from dataclasses import replace

from reconciler.sandbox.apimart import asking, fields, words
from reconciler.sandbox.apimart.asking import Ask, Result
from reconciler.sandbox.apimart.structured import Wish, wish
from reconciler.sandbox.apimart.words import invalid
from reconciler.sandbox.drawing.painting import Commission, Painting, Treatment, seed_of
from reconciler.sandbox.jobs import Job

_KEYCAPS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣")
_MANNERS = (
    "a wide shot in soft light",
    "a close-up with fine grain",
    "drawn in ink and wash",
    "seen from above at dusk",
)


def imagine(ask: Ask) -> Job:
    """Source: APIMart facts, sections 2, 3."""
    prompt = _prompt(ask)
    wished = wish(ask.body, prompt)
    sources = [ask.records.source(url, "image_urls") for url in _references(ask)]
    base = _painted(wished, _label("imagine", wished))
    if sources:  # the references' colours: what is guided by a picture looks related to it
        base = replace(base, colours=seed_of("guided", *(one.colours for one in sources)))
    return asking.job(ask, wished.prompt, _content(ask, wished), asking.fresh(base), wished.failure)


def edits(ask: Ask) -> Job:
    """Rewrite a whole picture. Source: APIMart facts, section 4."""
    prompt, urls = _prompt(ask), _references(ask)
    if not ask.urls():
        raise invalid("image_urls is required for edits")
    wished = wish(ask.body, prompt)
    first, *_ = [ask.records.source(url, "image_urls") for url in urls]
    ratio = _ratio(wished) or first.ratio
    base = replace(asking.titled(first, wished.prompt, _label("edits", wished)), ratio=ratio)
    result = Result(Commission(base, Treatment.PATCH))
    return asking.job(ask, wished.prompt, _content(ask, wished), result, wished.failure)


def blend(ask: Ask) -> Job:
    """Mix two to four pictures, without words. Source: APIMart facts, section 4."""
    urls = ask.urls()
    if not 2 <= len(urls) <= 4:
        raise invalid("image_urls must hold 2 to 4 images")
    shape = fields.choice(ask.body, "dimensions", words.DIMENSIONS) or "SQUARE"
    size = fields.text(ask.body, "size") or words.DIMENSIONS[shape]
    first, *others = [ask.records.source(url, "image_urls") for url in urls]
    flat = tuple(replace(one, others=(), frames=()) for one in others)
    base = replace(
        asking.titled(first, "", f"blend of {len(urls)}"),
        ratio=fields.ratio(size, "size"),
        others=flat,
    )
    full = f"{' '.join(urls)} --ar {size}"
    content = {**ask.common(), "image_urls": urls, "full": full, "size": size}
    return asking.job(ask, "", content, Result(Commission(base, Treatment.SUBTLE)))


def describe(ask: Ask) -> Job:
    """Put a picture into words; extra pictures are ignored. Source: APIMart facts, section 4."""
    urls = ask.urls()[:1]
    if not urls:
        raise invalid("image_urls is required for describe")
    source = ask.records.source(urls[0], "image_urls")
    content = {**ask.common(), "image_urls": urls, "text": _description(source)}
    return asking.job(ask, "", content, Result(Commission(source, Treatment.CUT), pictures=0))


def _description(source: Painting) -> str:
    """Return four suggestions, each behind its keycap, joined by newlines."""
    subject = " ".join(source.title.split()) or f"a picture, number {source.composition % 1000}"
    lines = (f"{cap} {subject}, {how}" for cap, how in zip(_KEYCAPS, _MANNERS, strict=True))
    return "\n".join(lines)


def _prompt(ask: Ask) -> str:
    prompt = (fields.text(ask.body, "prompt") or "").strip()
    if not prompt:
        name = ask.action.value.lower()
        raise invalid(f"prompt is required for {name}")
    return prompt


def _references(ask: Ask) -> tuple[str, ...]:
    """Return all pictures that a generation refers to."""
    body, base = ask.body, ask.records.base
    named = [(name, fields.text(body, name)) for name in ("cref", "sref", "dref")]
    return (*ask.urls(), *(fields.url(link, name, base) for name, link in named if link))


def _content(ask: Ask, wished: Wish) -> dict[str, object]:
    return {
        **ask.common(),
        **wished.values,
        "image_urls": ask.urls(),
        "full": " ".join((*ask.urls(), wished.full)),
    }


def _painted(wished: Wish, label: str) -> Painting:
    return asking.painting(wished.prompt, _ratio(wished) or (1, 1), label)


def _ratio(wished: Wish) -> tuple[int, int] | None:
    size = wished.values.get("size")
    return fields.ratio(str(size), "size") if size else None


def _label(name: str, wished: Wish) -> str:
    version, niji = wished.values.get("version"), wished.values.get("niji")
    return f"{name} {'niji ' if niji else 'v'}{version}" if version else name
