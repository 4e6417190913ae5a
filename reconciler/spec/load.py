"""A project's files → its configuration and its resources. The only part of `spec` that reads.

Everything that is wrong with all files is reported at once, local pictures included. An unchanged
file is neither parsed nor validated again: what was compiled from it is kept under a digest of its
bytes and of everything else its meaning depends on.
"""

import contextlib
import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import reconciler
from reconciler.config import CONFIG_FILE, Config
from reconciler.errors import ConfigError, SpecError
from reconciler.ids import Address
from reconciler.spec import codec
from reconciler.spec.cache import Kind, is_checked, keep, mark_checked, recall
from reconciler.spec.diagnostics import (
    ConfigProblemsError,
    Diagnostic,
    Problem,
    SpecProblemsError,
    in_order,
    locate,
)
from reconciler.spec.expanded import Context, Expanded
from reconciler.spec.files import Misfit, bind
from reconciler.spec.link import link
from reconciler.spec.masking import redacted
from reconciler.spec.resource import KeyPath, Resource

__all__ = ["Specs", "load_config", "load_specs", "text_reader"]

_CACHE_FORMAT = 3
"""Raise it when the same text means something else, or is kept in another form."""


@dataclass(frozen=True, slots=True)
class Specs:
    """Everything that is wanted.

    `resources` have parents before children, otherwise the order of file names and documents;
    they are bound to the bytes of the local pictures that they refer to. `files` are the specs,
    relative to the root. `digest` stands for all files and the configuration: where it is the same,
    everything that was found right is right still.
    """

    resources: Mapping[Address, Resource]
    files: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class _Source:
    file: str
    data: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One file's meaning, and what is wrong with its text (then `expanded` may be incomplete)."""

    expanded: Expanded
    diagnostics: tuple[Diagnostic, ...] = ()


def load_config(root: Path, *, cache: Path | None = None) -> Config:
    """Read reconciler.yaml. Raises ConfigError, with `diagnostics` where lines are wrong."""
    try:
        data = (root / CONFIG_FILE).read_bytes()
    except FileNotFoundError:
        hint = "run this in a project's folder"
        raise ConfigError(f"there is no {CONFIG_FILE} in {root}", hint=hint) from None
    except OSError as error:
        raise ConfigError(f"cannot read {CONFIG_FILE}: {error.strerror}") from error
    digest = _digest(data, "config")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        if content := recall(cache, Kind.CONFIG).get(digest):
            return codec.decode_config(content)
    config = _compiled_config(data)
    keep(cache, Kind.CONFIG, {digest: codec.encode_config(config)})
    return config


Judge = Callable[[Mapping[Address, Resource]], Iterable[Problem]]
"""Rules that this package does not know, such as a provider's; it is given whole lineages."""


def load_specs(
    root: Path, config: Config, *, cache: Path | None, judge: Judge | None = None
) -> Specs:
    """Read all specs of a project. Raises SpecError, with `diagnostics` where lines are wrong.

    `judge` sees what could be understood, so that all problems come at once; what it has approved
    once is not shown to it again.
    """
    context = _context(config)
    with _gc_paused():
        sources = list(_sources(root, config.specs, _salt(context)))
        files = _compiled(sources, context, cache)
        diagnostics = [one for compiled in files.values() for one in compiled.diagnostics]
        expanded = {file: compiled.expanded for file, compiled in files.items()}
        linked = link(expanded, is_complete=not diagnostics)
        bound = bind(linked.resources, root, [config.assets.dir], cache)
        problems = [one for file in expanded.values() for one in file.problems]
        problems += [*linked.problems, *_file_problems(root, config, bound.misfits)]
        digest = _digest(
            codec.encode_config(config),
            *(f"{one.file} {one.digest}" for one in sources),
            *(f"{path} {digest}" for path, digest in bound.digests.items()),
        )
        is_sound = not (problems or diagnostics)
        must_judge = judge is not None and not (is_sound and is_checked(cache, digest))
        problems += judge(bound.resources) if judge and must_judge else ()
        if problems or diagnostics:
            located = locate(problems, text_reader(root))
            raise SpecProblemsError(in_order([*diagnostics, *located]), bound.resources.values())
        if must_judge:
            mark_checked(cache, digest)
    names = tuple(source.file for source in sources)
    return Specs(MappingProxyType(bound.resources), names, digest)


def _file_problems(root: Path, config: Config, misfits: Iterable[Misfit]) -> Iterator[Problem]:
    """Yield what is wrong with local files, where the specs name them."""
    documents: dict[str, object] = {}
    for resource, field, message, hint in misfits:
        from reconciler.spec.whence import place_in
        from reconciler.spec.yaml import parse

        if resource.file not in documents:
            documents[resource.file] = parse(resource.file, text_reader(root)(resource.file)).value
        place = place_in(documents[resource.file], config, resource, field)
        yield place.problem(message, hint)


def text_reader(root: Path) -> Callable[[str], str]:
    """Return the `read` for `locate`: a file's text by its name relative to the root.

    A file that is gone by now, or no longer text, reads as empty.
    """

    def read(file: str) -> str:
        try:
            return (root / file).read_bytes().decode("utf-8-sig", errors="replace")
        except OSError:
            return ""

    return read


def _compiled_config(data: bytes) -> Config:
    from reconciler.spec.read_config import read_config
    from reconciler.spec.yaml import decode_text, parse

    text = decode_text(CONFIG_FILE, data)
    if isinstance(text, Diagnostic):
        raise ConfigProblemsError([text])
    document = parse(CONFIG_FILE, text)
    textual = [_redacted(one) for one in document.diagnostics]
    if textual and document.value is None:
        raise ConfigProblemsError(textual)
    config, problems = read_config(document.value)
    problems = _independent(problems, document.incomplete)
    if config is None or textual:
        raise ConfigProblemsError(in_order([*textual, *locate(problems, lambda _: text)]))
    return config


def _redacted(found: Diagnostic) -> Diagnostic:
    """A key pasted where YAML expects something else must not come back in the complaint."""
    hint = found.hint and redacted(found.hint)
    return replace(found, message=redacted(found.message), hint=hint)


def _context(config: Config) -> Context:
    names = tuple(config.providers)
    return Context(names, config.default_provider, config.defaults, config.silenced)


def _salt(context: Context) -> str:
    """Return everything besides its bytes that a file's meaning depends on."""
    defaults = codec.encode_defaults(context.defaults)
    names = sorted(context.providers)
    return json.dumps([names, context.default_provider, defaults, context.silenced])


def _digest(*parts: str | bytes) -> str:
    """Return what stands for these parts, this program's version and the cache's format."""
    digest = hashlib.sha256(f"{_CACHE_FORMAT} {reconciler.__version__}".encode())
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.hexdigest()


def _sources(root: Path, folder: str, salt: str) -> Iterator[_Source]:
    """Yield all spec files by name. Hidden files and folders are left out."""
    top = root / folder
    if not top.is_dir():
        hint = f"make it, or name another one with `specs:` in {CONFIG_FILE}"
        raise SpecError(f"there is no folder {folder} with specs", hint=hint)
    for file in sorted(_spec_files(top, folder)):
        try:
            data = (root / file).read_bytes()
        except OSError as error:
            raise SpecError(f"cannot read {file}: {error.strerror}") from error
        yield _Source(file, data, _digest(salt, data))


def _spec_files(top: Path, prefix: str) -> Iterator[str]:
    with os.scandir(top) as entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _spec_files(top / entry.name, name)
            elif entry.name.endswith((".yaml", ".yml")) and entry.is_file():
                yield name


def _compiled(sources: list[_Source], context: Context, cache: Path | None) -> dict[str, _Compiled]:
    """Return the meaning of every file: from the cache, else compiled and then kept there."""
    kept = recall(cache, Kind.SPEC)
    files: dict[str, _Compiled] = {}
    fresh: dict[str, str] = {}
    for source in sources:
        compiled = _recalled(kept.get(source.digest), source.file)
        if compiled is None:
            compiled = _compile(source, context)
            if not (compiled.diagnostics or compiled.expanded.problems):
                fresh[source.digest] = codec.encode_expanded(compiled.expanded)
        files[source.file] = compiled
    used = {source.digest for source in sources}
    if fresh or kept.keys() - used:
        keep(cache, Kind.SPEC, fresh, still_used=used)
    return files


def _recalled(content: str | None, file: str) -> _Compiled | None:
    if content is None:
        return None
    try:
        return _Compiled(codec.decode_expanded(content, file))
    except (ValueError, KeyError, TypeError):
        return None


def _compile(source: _Source, context: Context) -> _Compiled:
    from reconciler.spec.expand import expand
    from reconciler.spec.yaml import decode_text, parse

    text = decode_text(source.file, source.data)
    if isinstance(text, Diagnostic):
        return _Compiled(Expanded(()), (text,))
    document = parse(source.file, text)
    expanded = expand(source.file, document.value, context)
    problems = tuple(_independent(expanded.problems, document.incomplete))
    expanded = Expanded(expanded.resources, expanded.roots, problems)
    return _Compiled(expanded, document.diagnostics)


def _independent(problems: Iterable[Problem], incomplete: Iterable[KeyPath]) -> list[Problem]:
    """Leave out what may only be wrong because a key of that mapping had to be left out."""
    left_out = set(incomplete)
    return [one for one in problems if one.path not in left_out]


@contextlib.contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause the cycle collector: looking through what is being built takes most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
