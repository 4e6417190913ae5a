"""Midjourney's prompt flags: `--ar 16:9 --s 250` becomes fields. Pure.

Providers cut a prompt at the first `--` and drop what follows without a word. So every flag is
either lifted into the field it stands for, or it is an error; none is ever sent.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from reconciler.spec import values
from reconciler.spec.problems import Finding
from reconciler.spec.request import Reference, Speed
from reconciler.spec.values import MalformedError
from reconciler.spec.words import nearest

_DASHES = "—–−-"
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lifted:
    """A prompt without flags, the fields they gave and how, and what was wrong with them."""

    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    spelt: dict[str, str] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Flag:
    """What a flag stands for. `read` gets the words that belong to it."""

    field: str
    take: Callable[[list[str]], int]
    read: Callable[[list[str]], Any]


def lift(prompt: str) -> Lifted:
    """Return a folded prompt without its flags, and the fields that they stand for."""
    if _is_plain(prompt):
        return Lifted(prompt)
    return _Lifter(prompt.split(" ")).lift()


def mentioned(prompt: str) -> frozenset[str]:
    """Return the fields that flags in this prompt stand for, whatever their values."""
    words = [word[2:].lower() for word in prompt.split() if word.startswith("--")]
    fields = {FLAGS[word].field for word in words if word in FLAGS}
    others = (_ALSO[field] for field in fields & _ALSO.keys())
    return frozenset(fields | set(others))


def first_flag(prompt: str) -> str | None:
    """Return the first word of a prompt that a provider would cut it at, or that was meant so."""
    if _is_plain(prompt):
        return None
    return next((word for word in prompt.split() if "--" in word or mistyped(word)), None)


def _is_plain(prompt: str) -> bool:
    return not (_URL.match(prompt) or any(dash in prompt for dash in _DASHES))


class _Lifter:
    """Walks over the words of one prompt."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._rest: list[str] = []
        self._found = Lifted("")

    def lift(self) -> Lifted:
        position = 0
        if _URL.match(self._words[0]):
            hint = f"write `image_refs: [{self._words[0]}]`"
            self._problem(self._words[0], "the prompt begins with a picture's URL", hint)
        while position < len(self._words):
            word = self._words[position]
            position += 1
            if not word.startswith("--"):
                self._text(word)
            elif flag := FLAGS.get(word[2:].lower()):
                position += self._flag(word, flag, self._words[position:])
            else:
                self._unknown(word)
        text = " ".join(self._rest)
        return Lifted(text, self._found.fields, self._found.spelt, self._found.problems)

    def _text(self, word: str) -> None:
        if "--" in word:
            self._problem(word, f"{values.shown(word)} would cut the prompt at `--`", _CUT_HINT)
        elif name := mistyped(word):
            message = f"{values.shown(word)} begins with a dash that makes no flag"
            self._problem(word, message, f"write `--{name}`")
        self._rest.append(word)

    def _unknown(self, word: str) -> None:
        if not word.strip("-"):
            self._problem(word, f"`{word}` would cut the prompt there", _CUT_HINT)
            return
        typed = word[2:].lower()
        name = flag_name(typed)
        near = name if name in FLAGS else nearest(typed, FLAGS)
        hint = f"did you mean `--{near}`?" if near else _EXTRA_HINT
        if near == name and typed != name:
            hint = f"put a space behind `--{name}`"
        self._problem(word, f"the flag {values.shown(word)} is not known", hint)

    def _flag(self, word: str, flag: _Flag, following: list[str]) -> int:
        """Take the flag; return how many of the following words belong to it."""
        stop = next((at for at, one in enumerate(following) if _begins_flag(one)), len(following))
        count = flag.take(following[:stop])
        given = following[:count]
        spelt = " ".join([word, *given])
        try:
            for name, value in _meant(flag, given):
                self._set(name, value, spelt)
        except MalformedError as error:
            self._problem(word, f"`{word}` {error.message}", error.hint)
        return count

    def _set(self, name: str, value: Any, spelt: str) -> None:
        if name in self._found.fields and self._found.fields[name] != value:
            message = f"`{self._found.spelt[name]}` and `{spelt}` contradict each other"
            self._problem(spelt.partition(" ")[0], message, "keep one of the two")
            return
        self._found.fields[name] = value
        self._found.spelt[name] = spelt

    def _problem(self, word: str, message: str, hint: str | None = None) -> None:
        self._found.problems.append(Finding(("prompt",), message, hint, fragment=word))


_CUT_HINT: Final = "providers drop everything from the first `--` on; use `—`, `-` or other words"


_EXTRA_HINT: Final = "what has no field goes into `extra`, where the provider takes that"

_ALSO: Final = MappingProxyType({"niji": "version", "style": "raw"})
"""The other field that a flag may stand for, by its own: `--niji 6`, `--style raw`."""


def _meant(flag: _Flag, given: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that a flag stands for, with their values."""
    if flag.field == "style" and given and given[0].lower() == "raw":
        yield "raw", True
        return
    yield flag.field, flag.read(given)
    if flag.field == "niji" and given:
        yield "version", values.version(given[0])


def flag_name(typed: str) -> str:
    """Return the name in a flag that has its value glued to it: `ar=16:9`, `s250`."""
    return re.split(r"[=:]|(?<=[a-z])(?=[0-9])", typed, maxsplit=1)[0]


def _begins_flag(word: str) -> bool:
    return word.startswith("--") or mistyped(word) is not None


def mistyped(word: str) -> str | None:
    """Return the flag's name when a word is a flag but for its dash: `—ar`, `-ar`."""
    bare = word.lstrip(_DASHES)
    name = bare.lower()
    if word == bare or word.startswith("--") or name not in FLAGS:
        return None
    is_single_letter_minus = word.startswith("-") and len(name) == 1
    return None if is_single_letter_minus else name


def _one(following: list[str]) -> int:
    return min(len(following), 1)


def _none(following: list[str]) -> int:  # noqa: ARG001 - one signature for all
    return 0


def _all(following: list[str]) -> int:
    return len(following)


def _urls(following: list[str]) -> int:
    return next((at for at, word in enumerate(following) if not _URL.match(word)), len(following))


def _optional_version(following: list[str]) -> int:
    return 1 if following and re.fullmatch(r"[0-9](?:\.[0-9])?", following[0]) else 0


def _word(words: list[str]) -> str:
    if not words:
        raise MalformedError("has no value")
    return words[0]


def _value(read: Callable[[object], Any]) -> Callable[[list[str]], Any]:
    return lambda words: read(_word(words))


def _whole(words: list[str]) -> int:
    if not re.fullmatch(r"[-+]?[0-9]{1,18}", _word(words)):
        raise MalformedError(f"must be a whole number, not {values.shown(words[0])}")
    return int(words[0])


def _number(words: list[str]) -> int | float:
    if not re.fullmatch(r"[-+]?(?:[0-9]{1,9}\.?[0-9]{0,9}|\.[0-9]{1,9})", _word(words)):
        raise MalformedError(f"must be a number, not {values.shown(words[0])}")
    number = float(words[0])
    return int(number) if number.is_integer() else number


def _negative(words: list[str]) -> str | None:
    text = " ".join(words)
    if "--" in text:
        raise MalformedError("holds `--`", _CUT_HINT)
    found = values.negative(text)
    if found is None:
        raise MalformedError("has no value", "name what must not appear: `--no text, watermark`")
    return found


def _references(words: list[str]) -> tuple[Reference, ...]:
    if not words:
        raise MalformedError("needs the URL of a picture", "codes and `random` are not supported")
    return tuple(_reference(word) for word in words)


def _reference(word: str) -> Reference:
    location, mark, weight = word.rpartition("::")
    if mark and re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", weight):
        return Reference(values.url(location), _number([weight]))
    return Reference(values.url(word))


def _switch(name: str, value: object = True) -> _Flag:
    return _Flag(name, _none, lambda _: value)


def _table(*rows: tuple[str, _Flag]) -> MappingProxyType[str, _Flag]:
    return MappingProxyType({name: flag for names, flag in rows for name in names.split()})


FLAGS: Final = _table(
    ("ar aspect", _Flag("aspect_ratio", _one, _value(values.aspect_ratio))),
    ("v version", _Flag("version", _one, _value(values.version))),
    ("niji", _Flag("niji", _optional_version, lambda _: True)),
    ("s stylize", _Flag("stylize", _one, _whole)),
    ("c chaos", _Flag("chaos", _one, _whole)),
    ("w weird", _Flag("weird", _one, _whole)),
    ("q quality", _Flag("quality", _one, _value(values.quality))),
    ("no", _Flag("negative", _all, _negative)),
    ("seed", _Flag("seed", _one, _whole)),
    ("stop", _Flag("stop", _one, _whole)),
    ("r repeat", _Flag("repeat", _one, _whole)),
    ("iw", _Flag("image_weight", _one, _number)),
    ("sref", _Flag("style_refs", _urls, _references)),
    ("sw", _Flag("style_weight", _one, _whole)),
    ("sv", _Flag("style_version", _one, _whole)),
    ("cref", _Flag("character_refs", _urls, _references)),
    ("cw", _Flag("character_weight", _one, _whole)),
    ("oref", _Flag("omni_refs", _urls, _references)),
    ("ow", _Flag("omni_weight", _one, _whole)),
    ("style", _Flag("style", _one, _value(values.style))),
    ("dref", _Flag("depth_refs", _urls, _references)),
    ("dw", _Flag("depth_weight", _one, _number)),
    ("raw", _switch("raw")),
    ("tile", _switch("tile")),
    ("draft", _switch("draft")),
    ("hd", _switch("hd")),
    ("fast", _switch("speed", Speed.FAST)),
    ("turbo", _switch("speed", Speed.TURBO)),
    ("relax", _switch("speed", Speed.RELAX)),
)
"""Every flag we know, by name without dashes."""
