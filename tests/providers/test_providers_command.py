"""`reconcile providers`: works everywhere, marks what is configured, fits a terminal."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reconciler.cli.app import main

CONFIG = """\
default_provider: main
providers:
  main: {type: apimart, base_url: "sandbox:"}
  other: {type: apixo, base_url: "sandbox:"}
  third: {type: apixo, base_url: "sandbox:"}
"""
Projects = Callable[[Mapping[str, str | bytes]], Path]


def run(folder: Path, *arguments: str, columns: int = 100) -> Result:
    command = ["-C", str(folder), "providers", *arguments]
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(main, command)


def words(output: str) -> Counter[str]:
    """Count the words of some tables, without their lines."""
    return Counter(word for word in output.split() if set(word) != {"─"})


def test_outside_of_a_project(tmp_path: Path) -> None:
    """Nobody needs a project to see what there is."""
    result = run(tmp_path)

    assert "inpaint, then modal: $0.05504" in result.output
    assert "text-to-image, image-to-image: $0.10 to $0.40" in result.output
    assert "2026-09-21" in result.output
    assert result.output.count("not configured") == 2


def test_configured_here(project_of: Projects) -> None:
    """The project's own names stand with the adapters that they use."""
    result = run(project_of({"reconciler.yaml": CONFIG}))

    assert "main (default)" in result.output
    assert "other, third" in result.output
    assert "not configured" not in result.output


@pytest.mark.parametrize("name", ["main", "apimart"])
def test_one_in_full(name: str, project_of: Projects) -> None:
    """By the project's name for it or by its type: operations, fields, limits, every price."""
    result = run(project_of({"reconciler.yaml": CONFIG}), name)

    assert "imagine-niji7-turbo" in result.output
    assert "0 to 1000" in result.output
    assert "text-to-image" not in result.output


@pytest.mark.parametrize("arguments", [[], ["apixo"], ["apimart"]])
def test_it_fits(arguments: list[str], tmp_path: Path) -> None:
    """Lines are as wide as the terminal, down to 80; nothing is cut and no word is broken."""
    wide = run(tmp_path, *arguments, columns=120).output

    assert "…" not in wide
    for columns in (40, 80, 90, 100):
        output = run(tmp_path, *arguments, columns=columns).output
        assert max(map(len, output.splitlines())) <= max(columns, 80)
        assert words(output) == words(wide)


def test_json(project_of: Projects) -> None:
    """Everything for programs, money in micro-dollars."""
    result = run(project_of({"reconciler.yaml": CONFIG}), "--json")

    apixo, apimart = json.loads(result.output)
    assert (apixo["type"], apixo["configured_as"]) == ("apixo", ["other", "third"])
    assert apimart["prices"]["micro_usd"]["imagine"] == 45_040
    assert apimart["operations"]["remix"]["follows"] == ["imagine"]
    assert apimart["task_lifetime_s"] == 3 * 24 * 3600
    assert apixo["upload_lifetime_s"] is None


def test_page(tmp_path: Path) -> None:
    """The documentation's page, one or all of them."""
    page = (Path(__file__).parents[2] / "docs/providers/capabilities.md").read_text("utf-8")

    assert run(tmp_path, "--page").output == page
    assert "## APIXO" not in run(tmp_path, "apimart", "--page").output


def test_unknown_name(tmp_path: Path) -> None:
    """The error names what there is."""
    result = CliRunner().invoke(main, ["-C", str(tmp_path), "providers", "midjourney"])

    assert result.exit_code == 1
    assert "there is no provider `midjourney`" in result.output
    assert "there are: `apixo`, `apimart`" in result.output
