"""Rules about the words of a prompt. The word lists are short on purpose: silence beats noise.

Why: APIMart facts, section 3 ("subject first, then scene, then modifiers; make parameters explicit;
prefer unambiguous words such as photorealistic"; "quoting words makes them literal").
"""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from reconciler.advice.given import Advice
from reconciler.spec import flags
from reconciler.spec.advice_rules import Rule
from reconciler.spec.values import shown

_PROMPT = ("prompt",)

PRAISE: Final = (
    *("beautiful", "gorgeous", "stunning", "amazing", "awesome", "incredible", "wonderful"),
    *("masterpiece", "award-winning", "award winning", "best quality", "high quality"),
    *("highly detailed", "ultra detailed", "ultra-detailed", "hyper detailed", "hyper-detailed"),
    *("intricately detailed", "extremely detailed", "realistic", "photorealistic"),
    *("hyperrealistic", "hyper-realistic", "ultra realistic", "ultra-realistic"),
    *("4k", "8k", "uhd"),
)
"""With any of these a prompt begins with a modifier; an article may come before it."""

LIGHT_AND_MEDIUM: Final = (
    *("golden hour", "blue hour", "soft light", "natural light", "warm light", "studio light"),
    *("soft lighting", "natural lighting", "dramatic lighting", "cinematic lighting", "backlit"),
    *("volumetric lighting", "studio lighting", "moody lighting", "rim lighting", "low key"),
    *("oil painting", "watercolor", "watercolour", "pencil drawing", "pencil sketch"),
    *("ink drawing", "charcoal drawing", "digital art", "digital painting", "concept art"),
    *("3d render", "pixel art", "vector art", "flat design", "line art", "photograph", "photo"),
)
"""A first clause of nothing else, up to a comma, has no subject; "a photo of a fox" has one."""

_STYLE = r"(?:in|with) (?:the|a) style of\b|in style of\b|inspired by\b"
_OPENER = re.compile(
    rf"(?:{_STYLE})|(?:(?:an?|the) )?(?:{'|'.join(map(re.escape, PRAISE))})(?![\w-])"
    rf"|(?:(?:an?|the) )?(?:{'|'.join(map(re.escape, LIGHT_AND_MEDIUM))})(?= ?[,;.:])",
    re.IGNORECASE,
)

BETTER: Final = MappingProxyType(
    {
        "realistic": "write `photorealistic`",
        "nice": "say what is nice about it: `tidy`, `cosy`, `polished`",
        "beautiful": "say what makes it so: `ornate`, `serene`, `symmetrical`",
        "gorgeous": "say what makes it so: `ornate`, `vivid`, `lush`",
        "stunning": "say what is seen: `towering`, `high-contrast`, `luminous`",
        "amazing": "say what is seen: `vast`, `intricate`, `luminous`",
        "awesome": "say what is seen: `vast`, `towering`, `thunderous`",
        "incredible": "say what is seen: `vast`, `intricate`, `surreal`",
        "wonderful": "say what is seen: `serene`, `playful`, `radiant`",
        "interesting": "say what draws the eye: `asymmetrical`, `weathered`, `patterned`",
        "best quality": "leave it out, or set the field `quality`",
        "high quality": "leave it out, or set the field `quality`",
    }
)
"""A word that shows nothing → what to write in its place."""

_VAGUE = re.compile(rf"(?<![\w-])(?:{'|'.join(BETTER)})(?![\w-])", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|[“„][^“”„]*[”“]|«[^«»]*»')


def subject_first(prompt: str) -> Iterator[Advice]:
    """Judge how a prompt begins that says what the whole picture shows."""
    if found := _OPENER.match(prompt):
        yield Advice(
            Rule.SUBJECT_FIRST,
            _PROMPT,
            f"the prompt begins with {shown(found[0])}, not with what is to be seen",
            "name the subject first, then the scene, then style, light and quality",
            found[0],
        )


def vague_words(prompt: str) -> Iterator[Advice]:
    """Judge each word once; what stands in quotes is lettering, and means itself."""
    words = {found.lower(): found for found in _VAGUE.findall(_QUOTED.sub(" ", prompt))}
    for word, written in words.items():
        message = f"{shown(written)} can mean anything"
        yield Advice(Rule.VAGUE_WORDS, _PROMPT, message, BETTER[word], written)


def quoted_words(prompt: str) -> Iterator[Advice]:
    """Judge each quotation once."""
    for quotation in dict.fromkeys(_QUOTED.findall(prompt)):
        yield Advice(
            Rule.QUOTED_WORDS,
            _PROMPT,
            f"{shown(quotation)} is drawn as lettering, because it stands in quotes",
            "take the quotes away, unless these letters are to be seen in the picture",
            quotation,
        )


def flags_in_prompt(written: str) -> Iterator[Advice]:
    """Judge a prompt as it stands in the spec, before its flags become fields."""
    words = written.split()
    lifted = flags.lift(" ".join(words))
    for word in dict.fromkeys(one for one in words if one[2:].lower() in flags.FLAGS):
        if not word.startswith("--"):
            continue
        gave = [name for name, spelt in lifted.spelt.items() if spelt.split(" ")[0] == word]
        names = gave or [flags.FLAGS[word[2:].lower()].field]
        yield Advice(
            Rule.FLAGS_IN_PROMPT,
            _PROMPT,
            f"{shown(word)} works in a prompt, but a field can be read and compared by itself",
            f"write {' and '.join(_as_yaml(name, lifted.fields.get(name)) for name in names)}",
            word,
        )


def _as_yaml(name: str, value: Any) -> str:
    """Return the field with its value, where that is one word or number; else its name."""
    match value:
        case bool():
            return f"`{name}: {str(value).lower()}`"
        case str() if not value.isalpha():
            return f'`{name}: "{value}"`'
        case str() | int() | float():
            return f"`{name}: {value}`"
    return f"the field `{name}`"
