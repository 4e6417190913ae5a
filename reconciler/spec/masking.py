"""What of a source line may be shown: secrets are replaced before any text leaves this package.

People paste keys where they do not belong: as a literal, under a misspelt name, inside a URL. So
a line is judged by how it looks, which also works where the YAML around it is broken.
"""

import re

MASK = "***"

_LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""What libyaml counts as the end of a line."""

_CONFIG_SECRETS = "key|token|secret|passw|credential|auth|bearer"
_SPEC_SECRETS = "api[_-]?key|access[_-]?key|token|secret|passw|authorization|bearer"
"""Specs are full of other words; an image may well be called `monkey`."""

_SECRET_WORD = re.compile(_CONFIG_SECRETS, re.IGNORECASE)


def _key_and_value(words: str) -> re.Pattern[str]:
    name = rf"""[\w.-]*(?:{words})[\w.-]*"""
    return re.compile(rf"""{name}["']?\s*:\s*(?P<value>\S.*)?$""", re.IGNORECASE)


_IN_CONFIG = _key_and_value(_CONFIG_SECRETS)
_IN_SPECS = _key_and_value(_SPEC_SECRETS)
_VARIABLE = re.compile(r"""\$\{[A-Za-z_][A-Za-z0-9_]*\}(?=\s*(?:[,}#]|$))""")
_URL_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_LONG_WORD = re.compile(r"(?<![{A-Za-z0-9_+=-])[A-Za-z0-9_+=-]{12,}")
_KEY_PREFIX = re.compile(r"\b(?:sk|pk|rk|key)[-_][A-Za-z0-9_-]+")


def is_secret_name(name: object) -> bool:
    """Whether a key of this name may hold a secret, however it is spelt."""
    return isinstance(name, str) and _SECRET_WORD.search(name) is not None


def looks_secret(text: str) -> bool:
    """Whether the text holds something that looks like a key or a password."""
    if _URL_CREDENTIALS.search(text) or _KEY_PREFIX.search(text):
        return True
    return any(_is_mixed(word) for word in _LONG_WORD.findall(text))


def redacted(text: str) -> str:
    """Return a message about the configuration without what looks like a key or a password."""
    text = _URL_CREDENTIALS.sub(_stars, text)
    text = _KEY_PREFIX.sub(_stars, text)
    return _LONG_WORD.sub(lambda found: _stars(found) if _is_mixed(found[0]) else found[0], text)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as libyaml counts them."""
    return _LINE_BREAK.split(text)


def visible_lines(text: str, *, is_config: bool) -> list[str]:
    """Return the lines of a file as they may be shown.

    In every file the value of a key such as `api_key` is hidden, unless it is one `${NAME}`, and so
    are the lines it goes on over and credentials in URLs. In the configuration whatever looks like
    a key is hidden too; specs are full of such words in URLs, and hold no keys.
    """
    secrets = _IN_CONFIG if is_config else _IN_SPECS
    lines = lines_of(text)
    found = [secrets.search(line) for line in lines]
    hidden = _hidden_anchors(found)
    shown: list[str] = []
    secret_indent: int | None = None
    for line, match in zip(lines, found, strict=True):
        indent = len(line) - len(line.lstrip())
        if secret_indent is not None and (indent > secret_indent or not line.strip()):
            shown.append(" " * indent + MASK)
            continue
        secret_indent = indent if _is_literal(match) else None
        shown.append(_visible(line, match, hidden, is_config=is_config))
    return shown


def _hidden_anchors(found: list[re.Match[str] | None]) -> set[str]:
    """Return the anchors that a secret key takes its value from: `api_key: *name`."""
    values = (match["value"] or "" for match in found if match)
    return {f"&{value[1:].split()[0]}" for value in values if re.match(r"\*\S", value)}


def _is_literal(match: re.Match[str] | None) -> bool:
    """Whether a line sets a secret key to something else than one `${NAME}`."""
    return match is not None and not _VARIABLE.match(match["value"] or "")


def _visible(
    line: str, match: re.Match[str] | None, hidden_anchors: set[str], *, is_config: bool
) -> str:
    if match and match["value"] and _is_literal(match):
        line = line[: match.start("value")] + MASK
    if any(anchor in line for anchor in hidden_anchors):
        return line[: line.index("&")] + MASK
    return redacted(_explicit_value(line)) if is_config else _URL_CREDENTIALS.sub(_stars, line)


def _explicit_value(line: str) -> str:
    """Hide the value of a key written as `? key` on the line before."""
    return re.sub(r"^(\s*:\s+)\S.*$", rf"\g<1>{MASK}", line)


def _stars(found: re.Match[str]) -> str:
    return "*" * len(found[0])


def _is_mixed(word: str) -> bool:
    return any(char.isdigit() for char in word) and any(char.isalpha() for char in word)
