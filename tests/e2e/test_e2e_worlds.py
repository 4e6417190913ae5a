"""What the sandbox drew and what was bought are never taken for each other."""

import pytest
from e2e_kit import Project, Shop

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow


def test_drawn_pictures_are_not_owned_at_the_real_api(folder: Project) -> None:
    """Pointing a tried-out project at the real API is refused until the drawn ones are away."""
    folder("init").exits(0)
    folder.edit("reconciler.yaml", "    speed: 20 ", "    speed: 300 ")
    folder("apply").exits(0)
    folder.edit("reconciler.yaml", '"sandbox:"      # the emulator', "http://127.0.0.1:9/api/v1  #")
    folder.edit("reconciler.yaml", "speed: 300 ", "#speed: 300 ")

    for command in ("plan", "status", "apply"):
        ran = folder(command).exits(1)
        assert "lantern was drawn by the sandbox, and `apixo` is real now" in ran.err
        assert "move state/reconciler.db and assets away" in ran.err

    (folder.root / "state").rename(folder.root / "drawn-state")
    (folder.root / "assets").rename(folder.root / "drawn-assets")
    assert "Plan: 2 tasks to buy" in folder("plan").exits(0).out


@pytest.mark.slow
def test_bought_pictures_are_not_the_sandbox_s(project: Project, shop: Shop) -> None:
    """Pointing a real project at the sandbox is refused: rehearsals have their own place."""
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    project("apply", "--yes").exits(0)
    project.edit("reconciler.yaml", shop.base_url, '"sandbox:"\n    speed: 300')

    ran = project("plan").exits(1)
    assert "owl was really bought, and `apixo` is the sandbox now" in ran.err
    project("apply", "--sandbox").exits(0)
