"""Local pictures: given away right before they are needed, once, and never bought for in vain."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine_kit import APIXO, PLENTY, World, at_apimart
from pictures_kit import picture
from PIL import Image

from reconciler.config import MaskPolarity, Publish
from reconciler.engine.inputs import MARGIN
from reconciler.engine.outcome import Ending
from reconciler.plan.actions import Verb
from reconciler.publishing import place_of
from reconciler.purchase import Phase
from reconciler.sandbox.faults import Action, DropAfter, DropBefore, Garbage, Place, Status
from reconciler.spec.request import (
    Describe,
    Edit,
    Imagine,
    Inpaint,
    Reference,
    Single,
    Speed,
    canonical,
)
from reconciler.spec.resource import LocalFile, Resource

STONE = picture((40, 30), "grey")
HOUR = 3600.0


def guided(address: str, file: LocalFile, **rest: Any) -> Resource:
    """Return an image that is guided by a local picture."""
    reference = Reference(f"sha256:{file.digest}")
    request = Imagine(address, version="7", speed=Speed.FAST, image_refs=(reference,))
    return at_apimart(address, request, files=(file,), **rest)


def world(folder: Path, *addresses: str, **settings: Any) -> World:
    """Return a project whose images are all guided by the same local picture."""
    made = World(folder, **settings)
    stone = made.file("stone.png", STONE)
    made.resources = {one.address: one for one in (guided(name, stone) for name in addresses)}
    return made


def uploads(made: World) -> list[bytes]:
    """Return what the sandbox was given, the oldest first."""
    with sqlite3.connect(made.folder / "sandbox.db") as connection:
        rows = connection.execute("SELECT content FROM uploads ORDER BY rowid").fetchall()
    connection.close()
    return [content for (content,) in rows]


def sent_links(made: World, address: str) -> Any:
    """Return the links that came with an address' submission."""
    task_id = made.purchase(address).task_id
    (task,) = [one for one in made.sandbox._desk.tasks.all() if one.task_id == task_id]
    return task.content.get("image_urls") or task.content["references"]


def test_one_upload_for_all_who_need_it(tmp_path: Path) -> None:
    """Jobs side by side share it, it is on record with its end, and it comes before any intent."""
    made = world(tmp_path / "w", "moss", "fern", "lichen")
    run = made.apply()

    assert set(run.endings().values()) == {Ending.DONE}
    assert uploads(made) == [STONE]
    assert made.sent(Place.UPLOAD)[0].at < made.submissions()[0].at
    with made.archive() as archive:
        (noted,) = [one for one in archive.log() if one.kind == "uploaded"]
    assert noted.seq < next(one.seq for one in archive_log(made) if one.kind == "intended")


def archive_log(made: World) -> Any:
    """Return the history."""
    with made.archive() as archive:
        return archive.log()


def test_an_upload_is_used_until_it_expires(tmp_path: Path) -> None:
    """Another run within 72 hours, less a margin, sends the same link; a later one uploads anew."""
    made = world(tmp_path / "w", "moss")
    made.apply()
    stone = made.resources[next(iter(made.resources))].files[0]
    made.sleep(70 * HOUR)
    made.resources = {"fern": guided("fern", stone)}  # type: ignore[dict-item]
    made.apply()
    assert len(uploads(made)) == 1
    assert sent_links(made, "fern") == sent_links(made, "moss")

    made.sleep(2 * HOUR - MARGIN.total_seconds())
    made.resources = {"lichen": guided("lichen", stone)}  # type: ignore[dict-item]
    made.apply()
    assert uploads(made) == [STONE, STONE]
    assert made.phase("lichen") is Phase.STORED
    assert sent_links(made, "lichen") != sent_links(made, "moss")


@pytest.mark.parametrize(
    "misdeed",
    [DropAfter(), DropBefore(), Garbage(), Status(500), Status(502, html=True)],
    ids=lambda one: f"{one.name}-{getattr(one, 'status', '')}",
)
def test_an_upload_that_may_have_arrived_is_not_repeated(tmp_path: Path, misdeed: Action) -> None:
    """Two jobs need it, one try is made, nothing is bought; the next run tries once more."""
    made = world(tmp_path / "w", "moss", "fern")
    made.order(Place.UPLOAD, misdeed)
    run = made.apply()

    assert set(run.endings().values()) == {Ending.NOT_SENT}
    assert len(made.sent(Place.UPLOAD)) == 1
    assert made.attempts() == []
    outcome = run.outcome("moss")
    assert "stone.png could not be given to apimart" in outcome.detail
    assert outcome.hint.startswith("nothing was sent for this one, and nothing is charged")
    assert set(made.apply().endings().values()) == {Ending.DONE}


def test_too_many_uploads(tmp_path: Path) -> None:
    """A 429 proves that nothing arrived: the same run tries again, after the time it names."""
    made = world(tmp_path / "w", "moss")
    made.order(Place.UPLOAD, Status(429, retry_after=20), times=2)
    run = made.apply()

    assert run.ending("moss") is Ending.DONE
    first, second, third = (one.at for one in made.sent(Place.UPLOAD))
    assert second - first >= 20
    assert third - second >= 20


def test_no_connection_for_an_upload(tmp_path: Path) -> None:
    """It is tried a few times, and then given up without an intent."""
    made = world(tmp_path / "w", "moss")
    made.refuses = lambda request: "/uploads/" in request.url.path
    run = made.apply()

    assert run.ending("moss") is Ending.NOT_SENT
    assert len(made.sent(Place.UPLOAD)) == 4
    assert made.attempts() == []


def test_a_refused_upload(tmp_path: Path) -> None:
    """The provider's words and advice are passed on, and it is not asked again in this run."""
    made = world(tmp_path / "w", "moss", "fern")
    made.order(Place.UPLOAD, Status(413, message="file is larger than 20 MB"), times=None)
    run = made.apply()

    assert set(run.endings().values()) == {Ending.IMPOSSIBLE}
    assert "file is larger than 20 MB" in run.outcome("moss").detail
    assert len(made.sent(Place.UPLOAD)) == 1


def test_a_file_that_changed_since_the_plan(tmp_path: Path) -> None:
    """What would be sent is not what was planned: nothing is."""
    made = world(tmp_path / "w", "moss")
    (made.folder / "stone.png").write_bytes(picture((9, 9), "red"))
    run = made.apply()

    assert run.ending("moss") is Ending.IMPOSSIBLE
    assert "stone.png: it has changed since the plan was made" in run.outcome("moss").detail
    assert made.visits == []


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """It is said in words, with its name; once its bytes are ours, the file may go."""
    made = world(tmp_path / "w", "moss")
    (made.folder / "stone.png").unlink()
    run = made.apply()
    assert "stone.png: it cannot be read; No such file" in run.outcome("moss").detail

    made.file("stone.png", STONE)
    made.order(Place.UPLOAD, Status(500))
    made.apply()
    (made.folder / "stone.png").unlink()
    assert made.apply().ending("moss") is Ending.DONE


def test_a_large_picture_is_sent_smaller(tmp_path: Path) -> None:
    """It is known by its own bytes; what the provider gets fits, and the run says so."""
    made = World(tmp_path / "w")
    large = made.file("large.png", picture((3000, 30), "green"))
    moss = guided("moss", large)
    made.resources = {moss.address: moss}
    run = made.apply()

    assert run.ending("moss") is Ending.DONE
    (content,) = uploads(made)
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (2048, 20))
    stages = [one.data["stage"] for _, one in run.diary.all("stage", "moss")]
    assert stages[0].startswith("large.png is sent smaller: 3000 × 30 pixels")


@pytest.mark.parametrize("polarity", MaskPolarity)
def test_a_mask_is_sent_in_the_providers_colours(tmp_path: Path, polarity: MaskPolarity) -> None:
    """As the configuration says; and what was sent in other colours is not used for it."""
    made = World(tmp_path / "w", manner=replace(PLENTY, mask_repaints=polarity))
    mask = made.file("mask.png", picture((8, 8), "black", box=((0, 0, 4, 8), "white")))
    reference = Reference(f"sha256:{mask.digest}")
    library = at_apimart("library", Imagine("library", image_refs=(reference,)), files=(mask,))
    lamp = at_apimart("library.lamp", Inpaint(reference), "library", files=(mask,))
    made.resources = {one.address: one for one in (library, lamp)}
    run = made.apply()

    assert set(run.endings().values()) == {Ending.DONE}
    plain, sent = uploads(made)
    assert plain == (made.folder / "mask.png").read_bytes()
    with Image.open(BytesIO(sent)) as image:
        opaque = image.getpixel((0, 0)), image.getpixel((7, 0))
    repainted, kept = ((255,) * 4, (0,) * 4)
    expected = (repainted, kept) if polarity is MaskPolarity.WHITE else (kept, repainted)
    assert opaque == expected


def test_a_follow_up_by_picture(tmp_path: Path) -> None:
    """It gets the parent's own link as long as that lives; after that our copy is uploaded."""
    made = World(tmp_path / "w")
    library = at_apimart("library", Imagine("library", version="7", speed=Speed.FAST))
    words = at_apimart("library.words", Describe(), "library", 3)
    made.resources = {one.address: one for one in (library, words)}
    made.apply()
    assert made.phase("library.words") is Phase.STORED
    assert uploads(made) == []

    made.sleep(30 * HOUR)
    dusk = at_apimart("library.dusk", Edit("at dusk"), "library", 3)
    made.resources[dusk.address] = dusk
    run = made.apply()

    assert run.ending("library.dusk") is Ending.DONE
    third = made.purchase("library").candidates[2].picture
    assert third is not None
    assert [len(one) for one in uploads(made)] == [third.byte_count]


def test_a_public_place(tmp_path: Path) -> None:
    """Who takes no pictures gets links to the project's own place; the file is there in time."""
    made = world(tmp_path / "w", "moss")
    folder = made.folder / "public"
    published_by(made)
    run = made.apply()

    assert run.ending("moss") is Ending.DONE
    (published,) = folder.iterdir()
    assert published.read_bytes() == STONE
    assert sent_links(made, "moss") == [f"https://pics.example.com/refs/{published.name}"]


SITE = "pics.example.com"


def published_by(made: World) -> None:
    """Let APIXO make everything, and a web site show the folder `public`."""
    made.public = place_of(Publish("public", f"https://{SITE}/refs"), made.folder)
    made.sites[SITE] = lambda request: shown(made.folder / "public", request)
    made.resources = {
        one.address: replace(one, provider=APIXO, canonical=_without_version(one))
        for one in made.resources.values()
    }


def shown(folder: Path, request: httpx.Request) -> httpx.Response:
    """Answer as a web server does that shows a folder, to whoever brings no key."""
    assert "Authorization" not in request.headers
    file = folder / request.url.path.removeprefix("/refs/")
    return httpx.Response(200, content=file.read_bytes()) if file.is_file() else NOT_THERE


NOT_THERE = httpx.Response(404, content=b"not here")


def asked(made: World) -> list[float]:
    """Return when the web site was asked."""
    return [one.at for one in made.visits if one.path.startswith("/refs/")]


def nobody(request: httpx.Request) -> httpx.Response:
    """Refuse the connection."""
    raise httpx.ConnectError("connection refused", request=request)


@pytest.mark.parametrize(
    ("site", "why"),
    [
        (lambda _: httpx.Response(404), "it answers 404"),
        (lambda _: httpx.Response(301, headers={"Location": "/x"}), "it answers 301"),
        (lambda _: httpx.Response(200, content=STONE + b"more"), "other bytes come from there"),
        (lambda _: httpx.Response(200, content=STONE[:-1]), "other bytes come from there"),
        (lambda _: httpx.Response(200, content=b"x" * len(STONE)), "other bytes come from there"),
        (nobody, "no answer: connection refused"),
    ],
    ids=["missing", "moved", "longer", "shorter", "another", "nobody"],
)
def test_a_folder_that_nobody_has_deployed(
    tmp_path: Path, site: Callable[[httpx.Request], httpx.Response], why: str
) -> None:
    """Its URL is tried a few times, and then nothing is bought: the provider would find nothing."""
    made = world(tmp_path / "w", "moss")
    published_by(made)
    made.sites[SITE] = site
    run = made.apply()

    outcome = run.outcome("moss")
    (file,) = (made.folder / "public").iterdir()
    url = f"https://{SITE}/refs/{file.name}"
    assert outcome.ending is Ending.NOT_SENT
    words = f"stone.png was put into public, but {url} does not serve it yet: {why}"
    assert outcome.detail == words
    assert outcome.hint.startswith("deploy public, then apply again; nothing was sent")
    assert made.attempts() == []
    assert made.submissions() == []
    assert len(asked(made)) == 4

    made.sites[SITE] = lambda request: shown(made.folder / "public", request)
    assert made.apply().ending("moss") is Ending.DONE


def test_a_public_place_that_is_late(tmp_path: Path) -> None:
    """A bucket's network may take seconds: then the request leaves after that, in the same run."""
    made = world(tmp_path / "w", "moss")
    published_by(made)
    there = made.sites[SITE]
    made.sites[SITE] = lambda request: there(request) if made.seconds() > 4 else NOT_THERE
    run = made.apply()

    assert run.ending("moss") is Ending.DONE
    assert asked(made)[-1] <= made.submissions()[0].at
    (told, *_) = [one.data["detail"] for _, one in run.diary.all("held_up", "moss")]
    assert "does not serve it yet: it answers 404" in told


def test_a_public_url_is_looked_at_once_in_a_run(tmp_path: Path) -> None:
    """Whoever else needs the picture relies on that; the next run looks again."""
    made = world(tmp_path / "w", "moss", "fern")
    published_by(made)
    made.apply()
    assert len(asked(made)) == 1
    assert len(made.submissions()) == 2

    made.resources = {one.address: replace(one, take=2) for one in made.resources.values()}
    made.apply()
    assert len(asked(made)) == 2


def _without_version(resource: Resource) -> str:
    request = resource.request
    assert isinstance(request, Imagine)
    return canonical(replace(request, version=None))


def test_a_public_place_that_cannot_be_written(tmp_path: Path) -> None:
    """Nothing is bought for a link that would lead nowhere."""
    made = world(tmp_path / "w", "moss")
    (made.folder / "public").write_text("in the way")
    made.public = place_of(Publish("public", "https://pics.example.com"), made.folder)
    moss = next(iter(made.resources.values()))
    made.resources = {moss.address: replace(moss, provider=APIXO)}
    run = made.apply()

    assert run.ending("moss") is Ending.NOT_SENT
    assert "cannot publish a picture" in run.outcome("moss").detail
    assert made.visits == []


def test_a_follow_up_of_a_picture_that_was_cut_out_here(tmp_path: Path) -> None:
    """At the provider it starts from the task behind it, and from the candidate that it was."""
    made = World(tmp_path / "w")
    library = at_apimart("library", Imagine("library", version="7", speed=Speed.FAST))
    hero = at_apimart("library.hero", Single(), "library", 3)
    words = at_apimart("library.hero.words", Describe(), "library.hero")
    made.resources = {one.address: one for one in (library, hero, words)}
    assert {one.verb for one in made.plan().work()} == {Verb.BUY, Verb.DERIVE}
    run = made.apply()

    assert set(run.endings().values()) == {Ending.DONE}
    third = made.purchase("library").candidates[2]
    assert sent_links(made, "library.hero.words") == [third.url]
