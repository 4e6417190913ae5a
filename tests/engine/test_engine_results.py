"""Results that are no pictures, and what a provider tells beside them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_kit import PLENTY, World, at_apimart

from reconciler.assets.objects import ObjectStore
from reconciler.engine.outcome import Ending
from reconciler.plan.actions import Verb
from reconciler.purchase import NO_REPORT, Purchase
from reconciler.sandbox.faults import Fewer, Place, Truncate
from reconciler.sandbox.settings import ApimartSettings
from reconciler.spec.request import Describe, Imagine, Resolution, Speed, Video

LIBRARY = at_apimart("library", Imagine("library", version="7", speed=Speed.FAST))
WORDS = at_apimart("library.words", Describe(), "library", 2)
CLIP = at_apimart("library.clip", Video("rain", resolution=Resolution.HIGH, batch=2), "library", 2)


def content(made: World, purchase: Purchase, number: int = 1) -> bytes:
    """Return the bytes of a result."""
    result = purchase.candidates[number - 1].picture
    assert result is not None
    found = ObjectStore(made.folder / "assets").read(result.digest)
    assert found is not None
    return found


def test_a_description_is_an_object(tmp_path: Path) -> None:
    """Its words are stored as text, without a size; the next apply has nothing to do."""
    made = World(tmp_path / "w", LIBRARY, WORDS)
    assert made.apply().ending("library.words") is Ending.DONE

    words = made.purchase("library.words")
    (one,) = words.candidates
    assert one.picture is not None
    assert (one.picture.media_type, one.picture.width, one.picture.height) == (
        "text/plain",
        None,
        None,
    )
    assert len(content(made, words).decode().splitlines()) == 4
    assert (made.folder / "assets" / "library" / "words.txt").read_bytes() == content(made, words)
    assert made.plan().work() == ()


def test_words_are_never_gone(tmp_path: Path) -> None:
    """The record itself holds them: when the object is lost they come back, a month later."""
    made = World(tmp_path / "w", LIBRARY, WORDS)
    made.apply()
    words = made.purchase("library.words")
    before = content(made, words)
    assert words.candidates[0].picture is not None
    ObjectStore(made.folder / "assets").path(words.candidates[0].picture.digest).unlink()
    made.sleep(timedelta(days=30).total_seconds())
    run = made.apply()

    assert [one.verb for one in run.plan.work()] == [Verb.FETCH]
    assert run.ending("library.words") is Ending.DONE
    assert content(made, made.purchase("library.words")) == before


def test_clips_are_objects(tmp_path: Path) -> None:
    """Each clip of a batch is stored with the size it is shown at; one charge for each."""
    made = World(tmp_path / "w", LIBRARY, CLIP)
    run = made.apply()

    assert run.ending("library.clip") is Ending.DONE
    clip = made.purchase("library.clip")
    found = [one.picture for one in clip.candidates if one.picture]
    assert [one.media_type for one in found] == ["video/mp4"] * 2
    assert all(one.width and one.height for one in found)
    assert content(made, clip)[4:8] == b"ftyp"
    assert run.outcome("library.clip").action.price == clip.price == 800_000
    assert made.plan().work() == ()


def test_half_a_clip_is_not_stored(tmp_path: Path) -> None:
    """A download that breaks off is tried again, until the clip is whole."""
    made = World(tmp_path / "w", LIBRARY)
    made.apply()
    made.resources[CLIP.address] = CLIP
    made.order(Place.DOWNLOAD, Truncate(), times=3)
    run = made.apply()

    assert run.ending("library.clip") is Ending.DONE
    assert made.owned_pictures("library.clip") == 2


def test_the_providers_report_is_kept(tmp_path: Path) -> None:
    """The grid, its quota, why a picture is missing, and what follow-ups need."""
    made = World(tmp_path / "w", LIBRARY)
    made.order(Place.SUBMIT, Fewer(3))
    made.apply()

    report = made.purchase("library").report
    assert report != NO_REPORT
    assert report.grid_url is not None
    assert report.remark
    assert report.handle
    assert report.quota == "27520"
    assert made.purchase("library").charged is None


@pytest.mark.parametrize(
    ("per_usd", "charged"), [(500_000, 55_040), (250_000, 110_080), (0.5, None), (None, None)]
)
def test_what_a_quota_is_worth(tmp_path: Path, per_usd: float | None, charged: Any) -> None:
    """Only where the configuration says so, and only a figure that can be money."""
    manner = replace(PLENTY, quota_per_usd=per_usd)
    if per_usd == 0.5:
        settings = ApimartSettings(quota_per_usd=10**13)
    else:
        settings = ApimartSettings(quota_per_usd=500_000)
    made = World(tmp_path / "w", LIBRARY, manner=manner, apimart=settings)
    made.apply()

    purchase = made.purchase("library")
    assert purchase.charged == charged
    assert made.spent() == (charged or purchase.price)


def test_a_cost_in_dollars_is_believed_first(tmp_path: Path) -> None:
    """The provider's own figure counts more than what its quota would be worth."""
    manner = replace(PLENTY, quota_per_usd=1.0)
    made = World(tmp_path / "w", LIBRARY, manner=manner, apimart=ApimartSettings(has_cost=True))
    made.apply()

    assert made.purchase("library").charged == 55_040
