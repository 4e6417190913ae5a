"""The file host: real pictures without a key, until the link dies; and broken downloads."""

import io
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError
from sandbox_kit import World

from reconciler.sandbox.faults import (
    Corrupt,
    DropBefore,
    Huge,
    NotAPicture,
    Place,
    Slow,
    Status,
    Truncate,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        yield world


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_a_result_is_a_real_png(world: World) -> None:
    """Every link of a result gives a picture, announced with type and length."""
    task_id = world.made(aspect_ratio="16:9")

    for link in world.links(task_id):
        answer = world.get(link, key=None)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert opened(answer.content).size == (64, 36)


def test_the_same_link_gives_the_same_bytes(world: World) -> None:
    """A picture does not change, and candidates differ."""
    task_id = world.made()

    first = [world.download(task_id, n).content for n in (1, 2, 3, 4)]
    again = [world.download(task_id, n).content for n in (1, 2, 3, 4)]

    assert first == again
    assert len(set(first)) == 4


def test_buying_again_gives_another_picture(world: World) -> None:
    """The same request never gives the same bytes twice in one sandbox."""
    one, two = world.made(), world.made()

    assert world.download(one).content != world.download(two).content


def test_a_fresh_sandbox_draws_the_same(tmp_path: Path) -> None:
    """The first purchase of a request looks alike everywhere: examples are reproducible."""
    pictures = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        with World(tmp_path / folder, seed=seed) as world:
            parent = world.made()
            child = world.made("vary", taskId=parent, imageIndex=1, type=1)
            pictures.append((world.download(parent).content, world.download(child).content))

    assert pictures[0] == pictures[1]
    assert pictures[0][0] != pictures[2][0]


@pytest.mark.parametrize(
    ("kind", "size"),
    [(0, (128, 96)), (1, (128, 96)), (2, (128, 96)), (3, (256, 192))],
)
def test_an_upscale_has_more_pixels(world: World, kind: int, size: tuple[int, int]) -> None:
    """subtle, creative and 2x double both sides, 4x quadruples them."""
    parent = world.made(aspect_ratio="4:3")
    child = world.made("upscale", taskId=parent, imageIndex=2, type=kind)

    assert opened(world.download(child).content).size == size


def test_what_follows_an_upscale_has_the_usual_size(world: World) -> None:
    """A variation of an upscaled picture is a new picture."""
    parent = world.made("upscale", taskId=world.made(), imageIndex=0, type=3)
    child = world.made("vary", taskId=parent, imageIndex=0, type=0)

    assert opened(world.download(child).content).size == (64, 64)


def test_an_edit_has_the_size_of_its_canvas(world: World) -> None:
    """The result has the canvas' aspect ratio; without one, that of the source."""
    source = world.links(world.made(aspect_ratio="1:2"))[0]
    plain = world.made("image-edit", image_urls=[source])
    wide = world.made("image-edit", image_urls=[source], canvas={"width": 300, "height": 150})

    assert opened(world.download(plain).content).size == (32, 64)
    assert opened(world.download(wide).content).size == (64, 32)


def test_there_is_nothing_before_the_end(world: World) -> None:
    """Unfinished, failed and unknown tasks have no files, nor has a fifth candidate."""
    unfinished = world.buy()
    assert world.download(unfinished).status_code == 404
    failed = world.made(prompt="[sandbox: NSFW]")

    assert world.download(failed).status_code == 404
    assert world.download("task_unknown").status_code == 404
    assert world.download(unfinished, 0).status_code == 404
    assert world.download(unfinished, 5).status_code == 404
    assert world.download(unfinished).status_code == 200


def test_a_link_dies_after_a_day(world: World) -> None:
    """Then the file host answers 404 with a web page; the task still lists its links."""
    task_id = world.made()
    world.wait(23 * 3600)
    assert world.download(task_id).status_code == 200
    world.wait(3600)

    gone = world.download(task_id)

    assert gone.status_code == 404
    assert gone.headers["content-type"].startswith("text/html")
    assert len(world.links(task_id)) == 4


def test_the_lifetime_of_links_ignores_the_speed(tmp_path: Path) -> None:
    """A fast sandbox does not expire faster."""
    with World(tmp_path, speed=1000.0, link_lifetime=timedelta(hours=1)) as world:
        task_id = world.made()
        world.wait(2500)
        assert world.download(task_id).status_code == 200
        world.wait(3600)
        assert world.download(task_id).status_code == 404


def test_a_key_sent_to_the_file_host_is_recorded(world: World) -> None:
    """The file host needs no key; one that arrives is a leak, stored as a hash."""
    task_id = world.made()
    world.download(task_id)
    assert world.sandbox.leaks() == []

    world.get(f"http://sandbox.test/files/{task_id}/1.png", key="secret")

    (leak,) = world.get("http://sandbox.test/sandbox/leaks").json()["leaks"]
    assert leak["path"] == f"/files/{task_id}/1.png"
    assert "secret" not in str(leak)


def test_a_truncated_download(world: World) -> None:
    """Fewer bytes arrive than Content-Length promised."""
    task_id = world.made()
    whole = world.download(task_id).content
    world.order(Place.DOWNLOAD, Truncate(0.25))

    cut = world.download(task_id)

    assert int(cut.headers["content-length"]) == len(whole)
    assert cut.content == whole[: len(whole) // 4]


def test_a_page_that_claims_to_be_a_picture(world: World) -> None:
    """HTML with status 200 and a picture's type."""
    task_id = world.made()
    world.order(Place.DOWNLOAD, NotAPicture())

    answer = world.download(task_id)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.text.startswith("<html>")


def test_a_corrupt_download(world: World) -> None:
    """It starts like the right picture, is as long, and cannot be decoded."""
    task_id = world.made()
    whole = world.download(task_id).content
    world.order(Place.DOWNLOAD, Corrupt())

    broken = world.download(task_id).content

    assert len(broken) == len(whole)
    assert broken[:33] == whole[:33]
    with pytest.raises((OSError, SyntaxError, UnidentifiedImageError)):
        opened(broken)


@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_download(world: World, announced: bool) -> None:
    """As many megabytes as ordered, announced or not."""
    task_id = world.made()
    world.order(Place.DOWNLOAD, Huge(3, content_length=announced))

    answer = world.download(task_id)

    assert len(answer.content) == 3_000_000
    assert ("content-length" in answer.headers) == announced


def test_a_slow_download(world: World) -> None:
    """The file trickles, a part every tenth of a second, and is whole in the end."""
    task_id = world.made()
    whole = world.download(task_id).content
    world.order(Place.DOWNLOAD, Slow(len(whole) * 4))

    start = time.monotonic()
    assert world.download(task_id).content == whole
    assert time.monotonic() - start >= 0.2


def test_a_download_can_be_refused_or_dropped(world: World) -> None:
    """Errors of a file host are web pages."""
    task_id = world.made()
    world.order(Place.DOWNLOAD, Status(503, retry_after=1))
    world.order(Place.DOWNLOAD, DropBefore(), after=1)

    refused = world.download(task_id)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.text.startswith("<html>")
    with pytest.raises(ConnectionResetError):
        world.download(task_id)
