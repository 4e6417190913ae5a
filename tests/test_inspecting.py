"""Pictures that no provider could use are found before anything is paid, at their line."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from reconciler.project import Project
from reconciler.spec.diagnostics import SpecProblemsError

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]
MART = "providers:\n  apimart: {type: apimart, base_url: 'sandbox:'MORE}\n"
OWL = """\
images:
  owl:
    prompt: an owl on a shelf
    pick: 1
    variants:
      lamp: {inpaint: {mask: MASK}, prompt: a lamp}
"""


def png(colour: str) -> bytes:
    """Return a small picture of one colour."""
    stream = BytesIO()
    Image.new("RGB", (64, 64), colour).save(stream, "PNG")
    return stream.getvalue()


def problems(root: Path) -> list[str]:
    """Return what is wrong with a project's specs."""
    with pytest.raises(SpecProblemsError) as raised:
        Project.find(root).load()
    return [f"{one.file}:{one.line} {one.message}" for one in raised.value.diagnostics]


def project(project_of: ProjectOf, place: str, more: str = "", **files: bytes) -> Path:
    """Return a project whose owl gets another part painted."""
    named = {f"{name}.png": content for name, content in files.items()}
    spec, config = OWL.replace("MASK", place), MART.replace("MORE", more)
    return project_of({"reconciler.yaml": config, "specs/a.yaml": spec, **named})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png("black"), "the mask repaints nothing"),
        (png("white")[:90], "the picture is damaged or incomplete"),
    ],
    ids=["black", "cut off"],
)
def test_a_useless_mask(project_of: ProjectOf, content: bytes, message: str) -> None:
    """Else its parent, and the step before it, would be paid for nothing."""
    (problem,) = problems(project(project_of, "mask.png", mask=content))
    assert problem.startswith("specs/a.yaml:6 ")
    assert message in problem


def test_half_a_reference(project_of: ProjectOf) -> None:
    """A file that begins like a picture need not be one."""
    spec = "images:\n  owl: {prompt: an owl, image_refs: [half.png]}\n"
    root = project_of({"specs/a.yaml": spec, "half.png": png("red")[:90]})
    (problem,) = problems(root)
    assert "damaged or incomplete" in problem


def test_a_mask_on_the_web_cannot_be_turned(project_of: ProjectOf) -> None:
    """It is sent as it is, and would mean its opposite; where white is repainted it is right."""
    url = "https://example.com/mask.png"
    (problem,) = problems(project(project_of, url, ", mask_repaints: transparent"))
    assert "cannot be turned" in problem
    assert Project.find(project(project_of, url)).load().resources


def test_a_usable_mask(project_of: ProjectOf) -> None:
    """It is nobody's problem, and is not read again once it was judged."""
    root = project(project_of, "mask.png", mask=png("white"))
    assert Project.find(root).load().resources
