"""How long reading specs takes: cold, unchanged, one file edited; as ratios within one run.

    python bench/loading.py [IMAGES]     10,000 images with two variants each when left out

Every figure is a whole process, the median of five, beside bare Python's in the same run. Absolute
times move with the machine; the ratios are what to compare. Nothing here can fail a build.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_FILES = 20
_RUNS = 5
_CONFIG = 'providers:\n  apixo: {type: apixo, base_url: "sandbox:"}\ndefaults: {version: "7"}\n'
_IMAGE = """\
  image-{number:05d}:
    prompt: a numbered still life, object {number} on a plain table
    stylize: {stylize}
    speed: fast
    pick: 1
    variants:
      large: {{upscale: subtle}}
      night: {{vary: strong, prompt: the same at night}}
"""
_RECONCILE = (sys.executable, "-c", "from reconciler.cli import main; main()")


def project(root: Path, images: int) -> None:
    """Write a project with so many images, each with two variants."""
    (root / "specs").mkdir(parents=True)
    (root / "state").mkdir()
    (root / "reconciler.yaml").write_text(_CONFIG, encoding="utf-8")
    for file in range(_FILES):
        numbers = range(file, images, _FILES)
        entries = (_IMAGE.format(number=one, stylize=one % 1000) for one in numbers)
        path = root / "specs" / f"part-{file:02d}.yaml"
        path.write_text("images:\n" + "".join(entries), encoding="utf-8")


def median(command: tuple[str, ...], prepare: Callable[[], object] = lambda: None) -> float:
    """Return the median seconds of a whole process."""
    times = []
    for _ in range(_RUNS):
        prepare()
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project(root, images)
        validate = (*_RECONCILE, "-C", str(root), "validate")
        cache, edited = root / "state" / "cache.db", root / "specs" / "part-00.yaml"

        def edit() -> None:
            edited.write_text(edited.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")

        figures = {
            "python -c pass": median((sys.executable, "-c", "pass")),
            "reconcile --version": median((*_RECONCILE, "--version")),
            "validate, cold": median(validate, lambda: cache.unlink(missing_ok=True)),
            "validate, nothing changed": median(validate),
            "validate, one of 20 files edited": median(validate, edit),
        }
    bare = figures["python -c pass"]
    print(f"{images * 3:,} resources in {_FILES} files")
    for name, seconds in figures.items():
        print(f"{name:<34} {seconds:7.3f} s  {seconds / bare:6.1f} x bare Python")


if __name__ == "__main__":
    main()
