"""Flags that this program does not know: `extra` sends them as they are. Pure."""

import re

from reconciler.spec import flags, values
from reconciler.spec.values import MalformedError


def extra(value: object) -> str:
    """Return flags that this program does not know. Raises MalformedError for one it does."""
    if not isinstance(value, str):
        raise MalformedError(f"must be text, not {values.shown(value)}")
    text = values.folded(value)
    if not text.startswith("--"):
        raise MalformedError(f"must begin with `--`, not {values.shown(value)}")
    for word in text.split():
        _check_extra(word)
    return text


def _check_extra(word: str) -> None:
    typo = flags.mistyped(word)
    name = typo or flags.flag_name(word[2:].lower())
    if typo or (word.startswith("--") and name in flags.FLAGS):
        message = f"holds `--{name}`, which has a field"
        raise MalformedError(message, f"write `{flags.FLAGS[name].field}: …`")
    if "--" in word and not re.fullmatch(r"--[A-Za-z](?:(?!--).)*", word):
        raise MalformedError(f"holds {values.shown(word)}, which is no flag")
