"""Addresses become names that are safe on every system and never the same for two of them."""

import re
import unicodedata
from pathlib import PurePosixPath

import pytest
from assets_examples import candidate
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.assets.naming import file_of, find_collisions, standing, stem, wanted_files
from reconciler.ids import Address, CandidateNumber

TWO = CandidateNumber(2)


def view_path(
    address: Address, extension: str, candidate: CandidateNumber | None = None
) -> PurePosixPath:
    """Return the file, below the asset folder, that shows a resource or one of its candidates."""
    return PurePosixPath(file_of(stem(address), extension, candidate))


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("library", "library.png"),
        ("library.night", "library/night.png"),
        ("library.night.hero", "library/night/hero.png"),
        ("poster[season=winter,ratio=1:1]", "poster[season=winter,ratio=1x1].png"),
        ("poster[ratio=16:9].big", "poster[ratio=16x9]/big.png"),
        ("poster[version=6.1].big", "poster[version=6.1]/big.png"),
        ("poster[style=oil painting]", "poster[style=oil painting].png"),
        ("poster[season=été,town=東京]", "poster[season=été,town=東京].png"),
        ("poster[path=a/b\\c]", "poster[path=a%2Fb%5Cc].png"),
        ("poster[what=50%]", "poster[what=50%25].png"),
        ('poster[what=<>"|?*]', "poster[what=%3C%3E%22%7C%3F%2A].png"),
        ("poster[what=a:b]", "poster[what=a%3Ab].png"),
        ("poster[what=\n]", "poster[what=%0A].png"),
        (" a b ", "%20a b%20.png"),
        ("x[.1", "x[/1.png"),
        ("x[.1]y", "x[.1]y.png"),
        ("con", "%63on.png"),
        ("a.NUL", "a/%4EUL.png"),
        ("com1.x", "%63om1/x.png"),
        ("com10", "com10.png"),
        ("..", "%/%/%.png"),
    ],
)
def test_an_address_is_readable_in_the_tree(address: str, path: str) -> None:
    """Parts are folders; only what some system forbids looks different."""
    assert view_path(Address(address), "png") == PurePosixPath(path)


def test_a_candidate_has_its_number_before_the_extension() -> None:
    """As Midjourney counts: from 1."""
    path = view_path(Address("library.night"), "webp", TWO)
    assert path == PurePosixPath("library/night.2.webp")


def test_a_long_name_is_cut_and_stays_unique() -> None:
    """File systems allow 255 bytes; the hash tells apart what begins alike."""
    one = view_path(Address(f"poster[what={'ü' * 300}a]"), "png", TWO)
    other = view_path(Address(f"poster[what={'ü' * 300}b]"), "png", TWO)
    assert one != other
    assert len(one.name.encode()) < 220
    assert re.fullmatch(r"poster\[what=ü+~[0-9a-f]{16}\.2\.png", one.name)


def test_names_that_a_system_takes_for_one_are_found() -> None:
    """Letter case, two ways to write é, and ratios that look like words."""
    e1, e2 = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    addresses = [
        "Library", "library", "lib", "a.Night", "a.night", f"p[x={e1}]", f"p[x={e2}]",
        "q[r=1:1]", "q[r=1x1]", "q[r=1-1]",
    ]  # fmt: skip
    assert find_collisions(map(Address, addresses)) == {
        "Library": ("Library", "library"),
        "a/Night": ("a.Night", "a.night"),
        "p[x=é]": (f"p[x={e2}]", f"p[x={e1}]"),
        "q[r=1x1]": ("q[r=1:1]", "q[r=1x1]"),
    }


def test_an_address_does_not_collide_with_itself() -> None:
    """Asked twice, it is still one."""
    assert find_collisions([Address("a"), Address("a")]) == {}


_names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,5}", fullmatch=True) | st.sampled_from(
    ["con", "Aux", "library", "1", "png", "objects"]
)
_values = st.text(max_size=12) | st.sampled_from(["1:1", "1x1", "6.1", "..", ".png", "é", "é", " "])
_segments = _names | st.builds(
    lambda name, values: f"{name}[{','.join(f'k{n}={value}' for n, value in enumerate(values))}]",
    _names,
    st.lists(_values, min_size=1, max_size=3),
)
ADDRESSES = st.lists(_segments, min_size=1, max_size=4).map(lambda parts: Address(".".join(parts)))
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@given(ADDRESSES | st.text(max_size=300).map(Address), st.sampled_from([None, 1, 4]))
@example(Address("x[.1"), None)
@example(Address("a..b"), None)
def test_every_name_is_safe_on_every_system(
    address: Address, number: CandidateNumber | None
) -> None:
    """No part leaves the folder, hides, is a device, or has a character somebody forbids."""
    path = view_path(address, "png", number)
    assert not path.is_absolute()
    assert path.parts
    for part in path.parts:
        assert part not in ("", ".", "..", ".objects")
        assert not re.search(r'[<>:"|?*\\/\x00-\x1f\x7f]', part)
        assert not part.startswith((".", " "))
        assert not part.endswith((".", " "))
        assert not _DEVICE.fullmatch(part)
        assert len(part.encode()) <= 255


@given(st.lists(ADDRESSES, max_size=8, unique=True))
def test_without_collisions_no_two_files_are_one(addresses: list[Address]) -> None:
    """Not even across candidates, extensions, letter case and normal forms."""
    doubtful = {one for group in find_collisions(addresses).values() for one in group}
    good = [address for address in addresses if address not in doubtful]
    paths = [
        view_path(address, extension, number)
        for address in good
        for extension in ("png", "jpg")
        for number in (None, CandidateNumber(1), TWO)
    ]
    keys = {unicodedata.normalize("NFC", str(path).casefold()) for path in paths}
    assert len(keys) == len(paths)
    folders = {str(parent).casefold() for path in paths for parent in path.parents}
    assert not folders & keys


def test_a_pick_stands_for_its_resource_and_each_candidate_has_a_number() -> None:
    """Four candidates, the second one picked."""
    four = [candidate(number, number) for number in range(1, 5)]
    files = wanted_files(Address("a.b"), four, TWO)
    assert {path: int(digest, 16) for path, digest in files.items()} == {
        "a/b.png": 2, "a/b.1.png": 1, "a/b.2.png": 2, "a/b.3.png": 3, "a/b.4.png": 4,
    }  # fmt: skip


def test_without_a_pick_nothing_has_the_plain_name() -> None:
    """A person must choose among several; only what is stored is shown."""
    some = [candidate(1, 1), candidate(2), candidate(3, 3, "image/webp")]
    assert set(wanted_files(Address("a"), some, None)) == {"a.1.png", "a.3.webp"}
    assert set(wanted_files(Address("a"), some, TWO)) == {"a.1.png", "a.3.webp"}
    assert standing(some, None) is None


def test_a_lone_candidate_stands_for_itself() -> None:
    """An upscale has one picture: no number is needed."""
    assert set(wanted_files(Address("a"), [candidate(1, 7, "image/jpeg")], None)) == {"a.jpg"}
    assert wanted_files(Address("a"), [candidate(1)], None) == {}
    assert wanted_files(Address("a"), [], None) == {}
    assert wanted_files(Address("a"), [candidate(1, 7)], TWO) == {}


@pytest.mark.parametrize(
    ("media_type", "path"), [("video/mp4", "waves.mp4"), ("text/plain", "waves.txt")]
)
def test_clips_and_texts_are_named_like_pictures(media_type: str, path: str) -> None:
    """What opens them goes by the end of the name."""
    one = candidate(1, 1, media_type)
    assert list(wanted_files(Address("waves"), [one], None)) == [path]


def test_a_batch_of_clips_is_numbered() -> None:
    """They are candidates like any others."""
    clips = [candidate(number, number, "video/mp4") for number in (1, 2)]
    files = wanted_files(Address("waves"), clips, TWO)
    assert list(files) == ["waves.mp4", "waves.1.mp4", "waves.2.mp4"]
