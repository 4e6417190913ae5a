"""Promise 9: no key, token or password gets into a message, an excerpt, JSON or the cache."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.spec.diagnostics import ConfigProblemsError, SpecProblemsError, as_json
from reconciler.spec.load import load_config, load_specs

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

SECRET = "s3cr3tAPIkeyVALUE0123456789"  # noqa: S105 - not a real one

BASE = "providers:\n  apixo:\n    type: apixo\n    base_url: https://api.example/v1\n"

LEAKS = {
    "literal": BASE + f"    api_key: {SECRET}\n",
    "quoted": BASE + f'    api_key: "{SECRET}"\n',
    "block": BASE + f"    api_key: |\n      {SECRET}\n    typo: 1\n",
    "next line": BASE + f"    api_key:\n      {SECRET}\n",
    "over two lines": BASE + f'    api_key: "{SECRET}\n      {SECRET}"\n',
    "half a variable": BASE + f"    api_key: ${{KEY}}{SECRET}\n",
    "in a list": BASE + f"    api_key: [{SECRET}]\n",
    "in a mapping": BASE + f"    api_key: {{value: {SECRET}}}\n",
    "flow with a typo behind": f"providers: {{a: {{api_key: {SECRET}, typo: 1, type: apixo}}}}\n",
    "flow with a typo before": f"providers: {{a: {{typo: 1, api_key: {SECRET}, type: apixo}}}}\n",
    "misspelt": BASE + f"    apikey: {SECRET}\n",
    "other words": BASE + f"    token: {SECRET}\n    Authorization: Bearer {SECRET}\n",
    "no key": BASE + f"    secret_stuff: {SECRET}\n",
    "at the top": BASE + f"api_key: {SECRET}\n",
    "as the provider": f"providers:\n  apixo: {SECRET}\n",
    "as the default provider": BASE + f"default_provider: {SECRET}\n",
    "as the name": f"providers:\n  {SECRET}: {{type: apixo}}\n",
    "as the url": f"providers:\n  a: {{type: apixo, base_url: {SECRET}}}\n",
    "in the url": f"providers:\n  a: {{type: apixo, base_url: 'https://me:{SECRET}@h.example'}}\n",
    "in the query": f"providers:\n  a: {{type: apixo, base_url: 'https://h.example?k={SECRET}'}}\n",
    "as the type": f"providers:\n  a: {{type: {SECRET}, base_url: 'sandbox:'}}\n",
    "as a limit": BASE + f"    api_key: ${{KEY}}\n    concurrent: {SECRET}\n",
    "as a folder": BASE + f"    api_key: ${{KEY}}\nspecs: ../{SECRET}\n",
    "syntax error": BASE + f"    api_key: {SECRET}: x\n",
    "syntax error in a value": BASE + f"    api_key: '{SECRET}\n",
    "syntax error behind": BASE + f"    api_key: {SECRET}\n  x\n",
    "twice": BASE + f"    api_key: ${{KEY}}\n    api_key: {SECRET}\n",
    "tag": BASE + f"    api_key: !x {SECRET}\n",
    "unknown tag as secret": BASE + f"    api_key: !{SECRET} x\n",
    "by alias": f"x: &x {SECRET}\n" + BASE + "    api_key: *x\n",
    "explicit key": BASE + f"    ? api_key\n    : {SECRET}\n",
    "as a key": BASE + f"    {SECRET}: 1\n",
    "dictionary words": BASE + "    api_key: correct horse battery staple\n",
}


@pytest.mark.parametrize("case", LEAKS)
def test_configuration_problems_show_no_secret(project_of: ProjectOf, case: str) -> None:
    """However a key got into reconciler.yaml: it is refused and not shown."""
    root = project_of({"reconciler.yaml": LEAKS[case]})

    with pytest.raises(ConfigProblemsError) as raised:
        load_config(root)

    error = raised.value
    shown = "\n".join([error.summary, *error.details, str(error.hint), str(error), repr(error)])
    shown += json.dumps(as_json(error.diagnostics)) + repr(error.diagnostics)
    assert SECRET not in shown
    assert "horse" not in shown


@pytest.mark.parametrize(
    "line",
    [
        f"api_key: {SECRET}",
        f"token: {SECRET}",
        f"image_refs: [https://me:{SECRET}@e.com/a.jpg]",
        f"prompt: a cat --sref https://me:{SECRET}@e.com/a.jpg",
    ],
)
def test_spec_problems_show_no_secret(project_of: ProjectOf, line: str) -> None:
    """Keys do not belong in specs either; where one is pasted it is not repeated."""
    prompt = "" if line.startswith("prompt") else "    prompt: a cat\n"
    root = project_of({"specs/a.yaml": f"images:\n  cat:\n{prompt}    {line}\n"})

    with pytest.raises(SpecProblemsError) as raised:
        load_specs(root, load_config(root), cache=None)

    error = raised.value
    assert SECRET not in "\n".join(error.details) + repr(error.diagnostics)


def test_a_name_like_monkey_is_shown(project_of: ProjectOf) -> None:
    """Specs are not masked for nothing."""
    root = project_of({"specs/a.yaml": "images:\n  monkey: {prompt: a monkey, keyy: brown}\n"})

    with pytest.raises(SpecProblemsError) as raised:
        load_specs(root, load_config(root), cache=None)

    assert "keyy: brown" in "\n".join(raised.value.details)


def test_the_cache_holds_the_name_of_the_variable_only(
    project_of: ProjectOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment is not read here at all."""
    monkeypatch.setenv("APIXO_API_KEY", SECRET)
    root = project_of({"reconciler.yaml": BASE + "    api_key: ${APIXO_API_KEY}\n"})
    cache = root / "cache.db"

    config = load_config(root, cache=cache)

    assert SECRET not in repr(config)
    assert SECRET.encode() not in cache.read_bytes()
    assert b"APIXO_API_KEY" in cache.read_bytes()
