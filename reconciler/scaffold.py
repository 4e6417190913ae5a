"""What a new project consists of."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.config import CONFIG_FILE
from reconciler.errors import ReconcilerError

_CONFIG = """\
# yaml-language-server: $schema=specs/.schema/reconciler.json
providers:
  apixo:
    type: apixo
    # Before you make it real, move away state/ and assets/: they hold what the sandbox drew.
    base_url: "sandbox:"      # the emulator; https://api.apixo.ai/api/v1 is real
    api_key: ${APIXO_API_KEY} # from the environment; the sandbox needs none
    speed: 20                 # only for the sandbox: how much faster than life it runs
    requests_per_minute: 60   # APIXO's Pro plan; its Free plan has 10 and 3
    concurrent: 10
  # The same specs run there too, as far as both can do them (`reconcile providers` compares).
  # apimart:
  #   type: apimart
  #   base_url: "sandbox:"        # https://api.apimart.ai is real
  #   api_key: ${APIMART_API_KEY}
  #   speed: 20                   # only for the sandbox
# default_provider: apixo         # needed with two of them
# publish: {folder: public, base_url: https://example.com/public}   # APIXO takes no local pictures
specs: specs
state: state/reconciler.db
assets: {dir: assets, views: link}
budget: {per_apply: 5.00, per_month: 200}
defaults: {version: "7", speed: fast}
"""

_SPEC = """\
# yaml-language-server: $schema=.schema/spec.json
images:
  lantern:
    prompt: a paper lantern drifting over a night river
    aspect_ratio: "3:2"
    pick: 1                   # which of the four candidates stands for `lantern`
    variants:
      large: {upscale: subtle}
"""

_IGNORE = """\
# what `reconcile` makes; the specs are what git keeps
/state/
/assets/
"""


def scaffold(root: Path) -> Iterator[tuple[str, bool]]:
    """Write a project below `root`; yield each path with whether it is new. Never overwrites."""
    for name, content in _files().items():
        path = root / name
        is_new = not path.exists()
        if is_new:
            _write(path, content())
        yield name, is_new


def _files() -> dict[str, Callable[[], str]]:
    return {
        CONFIG_FILE: lambda: _CONFIG,
        "specs/pictures.yaml": lambda: _SPEC,
        ".gitignore": lambda: _IGNORE,
        **SCHEMAS,
    }


def _schema(which: str) -> str:
    from reconciler.spec import schema

    document = schema.spec_schema() if which == "spec" else schema.config_schema()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


SCHEMAS: dict[str, Callable[[], str]] = {
    "specs/.schema/spec.json": lambda: _schema("spec"),
    "specs/.schema/reconciler.json": lambda: _schema("reconciler"),
}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReconcilerError(
            f"cannot write {path}: {error.strerror}", hint="choose another folder"
        ) from error
