"""Which addresses a command is about."""

import pytest
from plan_stories import resources_of

from reconciler.errors import ExitCode, UsageError
from reconciler.ids import Address
from reconciler.plan.select import Selection, select

SPRING = "poster[season=spring,ratio=1:1]"
WINTER = "poster[season=winter,ratio=1:1]"
EVERY_SIGN = "c++^$|(a).{1}[v=1.5]"
RESOURCES = resources_of(
    {
        "library": {"imagine": "a library"},
        "library.night": {"vary": "strong", "from": "library@1"},
        "library.night.hero": {"upscale": "subtle", "from": "library.night@1"},
        "library.hero": {"upscale": "subtle", "from": "library@1"},
        "libraries": {"imagine": "two libraries"},
        SPRING: {"imagine": "spring"},
        WINTER: {"imagine": "winter"},
        f"{WINTER}.hero": {"upscale": "subtle", "from": f"{WINTER}@1"},
        EVERY_SIGN: {"imagine": "every sign that means something in an expression"},
    }
)
LIBRARY = ["library", "library.night", "library.night.hero", "library.hero"]
GONE = frozenset({Address("banner"), Address("banner.hero")})


def chosen(selection: Selection) -> list[str]:
    return [address for address in RESOURCES if address in selection]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["library"], ["library"]),
        (["library", WINTER], ["library", WINTER]),
        (["library", "library"], ["library"]),
        (["librar*"], [*LIBRARY, "libraries"]),
        (["library.*"], LIBRARY[1:]),
        (["librar??s"], ["libraries"]),
        (["*.hero"], ["library.night.hero", "library.hero", f"{WINTER}.hero"]),
        (["library+"], LIBRARY),
        (["+library.night.hero"], LIBRARY[:3]),
        (["+library.night+"], LIBRARY[:3]),
        (["+*.hero"], [*LIBRARY, WINTER, f"{WINTER}.hero"]),
        ([SPRING], [SPRING]),
        (["poster[*"], [SPRING, WINTER, f"{WINTER}.hero"]),
        (["poster[season=*,ratio=1:1]"], [SPRING, WINTER]),
        ([f"{WINTER}+"], [WINTER, f"{WINTER}.hero"]),
        ([EVERY_SIGN], [EVERY_SIGN]),
    ],
)
def test_patterns(patterns: list[str], expected: list[str]) -> None:
    """Only `*` and `?` are special; `+` adds ancestors in front, descendants behind a pattern."""
    assert chosen(select(patterns, (), RESOURCES)) == expected


def test_everything() -> None:
    """Without patterns all addresses are meant, gone ones too."""
    selection = select((), (), RESOURCES, GONE)

    assert chosen(selection) == list(RESOURCES)
    assert selection.allows_gone(Address("banner"))


def test_exclude() -> None:
    """An exclusion is a pattern like the others, and stronger than any of them."""
    assert chosen(select(["library+"], ["+library.night"], RESOURCES)) == LIBRARY[2:]
    assert chosen(select((), ["*"], RESOURCES)) == []


def test_gone_addresses() -> None:
    """A shown address without a spec can be selected and excluded, and has no relatives."""
    selection = select(["banner", "library"], (), RESOURCES, GONE)
    assert selection.allows_gone(Address("banner"))
    assert not selection.allows_gone(Address("banner.hero"))

    assert chosen(select(["+banner*+"], (), RESOURCES, GONE)) == []
    assert not select((), ["banner"], RESOURCES, GONE).allows_gone(Address("banner"))


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("libary", "did you mean `library`?"),
        ("+library.heroe", "did you mean `library.hero`?"),
        ("library.nigth+", "did you mean `library.night`?"),
        ("zzz", "`reconcile status --all` lists all addresses"),
        ("", "`reconcile status --all` lists all addresses"),
        ("+", "`reconcile status --all` lists all addresses"),
    ],
)
def test_pattern_without_match(pattern: str, hint: str) -> None:
    """A typing error must not look like success: it is an error that names the nearest address."""
    with pytest.raises(UsageError) as raised:
        select([pattern], (), RESOURCES, GONE)

    assert raised.value.summary == f"no address matches `{pattern}`"
    assert raised.value.hint == hint
    assert raised.value.exit_code is ExitCode.ERROR


def test_exclusion_without_match() -> None:
    """An exclusion that matches nothing is a typing error too: it would spend."""
    with pytest.raises(UsageError, match="no address matches `posters`"):
        select((), ["posters"], RESOURCES)


STEPS = resources_of(
    {
        "owl": {"imagine": "an owl", "pick": 2},
        "owl.left": {"pan": "left", "from": "owl"},
        "owl.third": {"single": {}, "from": "owl@3"},
        "owl.third.far": {"zoom": "2x", "from": "owl.third"},
        "owl.third.far.up": {"pan": "up", "from": "owl.third.far@3"},
        "owl.again": {"reroll": {}, "from": "owl"},
    }
)


@pytest.mark.parametrize(
    ("pattern", "followers"),
    [("owl.@2", "owl@2: owl.left"), ("+owl.@3+", "owl@3: owl.third.far")],
)
def test_what_is_needed_first_cannot_be_chosen(pattern: str, followers: str) -> None:
    """It is bought with its follow-ups only: the error says so, and names them."""
    with pytest.raises(UsageError, match="cannot be chosen by itself") as raised:
        select([pattern], (), STEPS)

    assert raised.value.hint == f"choose what you want of {followers}"


@pytest.mark.parametrize("pattern", ["owl.@1", "owl.third.@1", "elk.@2", "@2", "owl.@x"])
def test_a_step_that_nothing_needs_is_no_address(pattern: str) -> None:
    """Then it is a typing error like any other."""
    with pytest.raises(UsageError, match="no address matches"):
        select((), [pattern], STEPS)
