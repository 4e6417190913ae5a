"""Properties that hold for any input: nothing crashes, and the same wish has the same form."""

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import ConfigError, SpecError
from reconciler.spec.diagnostics import ConfigProblemsError, SpecProblemsError, as_json
from reconciler.spec.entries import OPERATION_WORDS
from reconciler.spec.flags import FLAGS, lift
from reconciler.spec.load import load_config, load_specs
from reconciler.spec.request import Operation, canonical, decode
from reconciler.spec.resource import Resource
from reconciler.spec.values import folded
from reconciler.spec.words import SYNONYMS

CONFIG = "providers:\n  apixo: {type: apixo, base_url: 'sandbox:'}\n"

KEYS = [
    "images", "defaults", "prompt", "variants", "matrix", "from", "of", "pick", "take", "mask",
    "canvas", "position", "source", "points", "width", "height", "x", "y", "url", "path", "weight",
    "providers", "apixo", "type", "base_url", "api_key", "poll", "first", "budget", "per_apply",
    "publish", "folder", "silence", "resolution", "batch", "auto", "motion", "prices", "assets",
    "specs", "state", "default_provider", "concurrent", "provider",
    *OPERATION_WORDS, *sorted(set(SYNONYMS.values())), "sref", "<<", "a", "b.c", "",
]  # fmt: skip
WORDS = [
    "16:9", "subtle", "2x", "fast", "sandbox:", "${a}", "$${a}", "${", "a", "a.b", "b.c", "--ar",
    "--sref https://e.com/a.jpg::2", "— no", "https://e.com/a.jpg", "../a", "niji 6", "7", "apixo",
    "[a=1]", "é", "\u2028", "${KEY}", "-", "1e3", "~",
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
keys = st.sampled_from(KEYS) | st.text(max_size=4)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
noise = st.text(alphabet="ab:,-{}[]&*!|>'\"%@`#? \n\t\\0179~<=$.", max_size=60)


def outcome(files: Mapping[str, bytes]) -> list[Resource]:
    """Load a project in a folder of its own; check that what is refused can be shown."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "specs").mkdir()
        for name, content in ({"reconciler.yaml": CONFIG.encode()} | dict(files)).items():
            (root / name).write_bytes(content)
        try:
            return list(load_specs(root, load_config(root), cache=None).resources.values())
        except (SpecError, ConfigError) as error:
            check(error)
    return []


def check(error: SpecError | ConfigError) -> None:
    """Whatever was refused can be shown, as text and as JSON."""
    assert error.summary
    if isinstance(error, SpecProblemsError | ConfigProblemsError):
        assert error.diagnostics
        assert error.details
        assert all(one["message"] and one["line"] > 0 for one in as_json(error.diagnostics))


def written(tree: object) -> bytes:
    return yaml.safe_dump(tree, allow_unicode=True).encode()


@given(st.text() | noise)
def test_any_text_is_loaded_or_refused(text: str) -> None:
    """Specs and configuration: never another exception than our own."""
    data = text.encode("utf-8", "surrogatepass")
    outcome({"specs/a.yaml": data})
    outcome({"reconciler.yaml": data})


@given(st.binary())
def test_any_bytes_are_loaded_or_refused(data: bytes) -> None:
    """Neither encodings nor control characters matter."""
    outcome({"specs/a.yaml": data, "reconciler.yaml": CONFIG.encode()})
    outcome({"reconciler.yaml": data})


@given(trees)
def test_any_tree_is_loaded_or_refused(tree: object) -> None:
    """Any value at any place of a spec."""
    outcome({"specs/a.yaml": written(tree)})
    outcome({"specs/a.yaml": written({"images": {"a": tree, "b": {"prompt": "b"}}})})
    outcome({"specs/a.yaml": written({"images": tree, "defaults": tree})})


@given(st.dictionaries(keys, trees, max_size=6), st.sampled_from(["", *OPERATION_WORDS]), trees)
def test_any_entry_is_loaded_or_refused(
    fields: dict[str, object], operation: str, value: object
) -> None:
    """Any fields beside any operation, nested and at the root."""
    entry = fields | ({operation: value} if operation else {})
    outcome({"specs/a.yaml": written({"images": {"a": {"prompt": "x", "variants": {"b": entry}}}})})
    outcome({"specs/a.yaml": written({"images": {"a": entry | {"prompt": "x"}}})})


@given(trees)
def test_any_configuration_is_loaded_or_refused(tree: object) -> None:
    """Any value at any place of reconciler.yaml."""
    outcome({"reconciler.yaml": written(tree)})
    outcome({"reconciler.yaml": written({"providers": {"a": tree}, "defaults": tree})})
    good = yaml.safe_load(CONFIG)
    outcome({"reconciler.yaml": written({**good, "budget": tree, "prices": {"apixo": tree}})})
    outcome({"reconciler.yaml": written({**good, "assets": tree, "specs": tree})})


@given(st.text() | noise)
def test_any_prompt_can_be_lifted(text: str) -> None:
    """The flag parser answers for any text, and without problems leaves no `--` behind."""
    prompt = folded(text)
    if prompt:
        lifted = lift(prompt)
        assert lifted.problems or "--" not in lifted.text


# Valid entries: fields with the flags that mean the same.

names = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)
PROSE = ["a", "quiet", "library", "—", "night,", "c'est", "l'été", "静か", "7", "x:y"]
prose = st.lists(st.sampled_from(PROSE), min_size=1, max_size=6).map(" ".join)
urls = st.integers(0, 9).map("https://e.com/{}.jpg".format)
weighted = st.tuples(urls, st.none() | st.integers(1, 9) | st.sampled_from([0.5, 1.5]))


def _references(pairs: list[tuple[str, float | None]]) -> list[Any]:
    return [url if weight is None else {"url": url, "weight": weight} for url, weight in pairs]


def _spelt(pairs: list[tuple[str, float | None]]) -> str:
    return " ".join(url if weight is None else f"{url}::{weight}" for url, weight in pairs)


def _number(field: str, flags: list[str], low: int, high: int) -> st.SearchStrategy[Any]:
    number = st.integers(low, high)
    return st.tuples(number, st.sampled_from(flags)).map(
        lambda pair: (field, pair[0], f"--{pair[1]} {pair[0]}")
    )


def _listed(field: str, flag: str) -> st.SearchStrategy[Any]:
    return st.lists(weighted, min_size=1, max_size=3).map(
        lambda pairs: (field, _references(pairs), f"--{flag} {_spelt(pairs)}")
    )


ratios = st.tuples(st.integers(1, 30), st.integers(1, 30)).map("{0[0]}:{0[1]}".format)
versions = st.sampled_from([("7", 7), ("8.1", 8.1), ("6", "v6"), ("7", "7"), ("7", 7.0)])
spellings: list[st.SearchStrategy[Any]] = [
    ratios.map(lambda ratio: ("aspect_ratio", ratio, f"--ar {ratio}")),
    versions.map(lambda pair: ("version", pair[1], f"--v {pair[0]}")),
    st.just(("niji", True, "--niji")),
    st.lists(prose.filter(lambda text: "—" not in text), min_size=1, max_size=3).map(
        lambda items: ("negative", items, "--no " + ",".join(items))
    ),
    _number("stylize", ["s", "stylize"], 0, 1000),
    _number("chaos", ["c", "chaos"], 0, 100),
    _number("weird", ["w", "weird"], 0, 3000),
    _number("seed", ["seed"], 0, 2**32),
    _number("stop", ["stop"], 10, 100),
    _number("repeat", ["r", "repeat"], 1, 9),
    _number("style_weight", ["sw"], 0, 1000),
    _number("style_version", ["sv"], 1, 6),
    _number("character_weight", ["cw"], 0, 100),
    _number("omni_weight", ["ow"], 0, 1000),
    _number("depth_weight", ["dw"], 0, 100),
    st.sampled_from([(0.5, ".5"), (1, "1.0"), (2.25, "2.25")]).map(
        lambda pair: ("image_weight", pair[0], f"--iw {pair[1]}")
    ),
    st.sampled_from([(0.5, ".5"), ("1", "1"), (2, "2")]).map(
        lambda pair: ("quality", pair[0], f"--q {pair[1]}")
    ),
    _listed("style_refs", "sref"),
    _listed("character_refs", "cref"),
    _listed("omni_refs", "oref"),
    _listed("depth_refs", "dref"),
    st.sampled_from(["cute", "4b", "Scenic"]).map(lambda it: ("style", it, f"--style {it}")),
    st.sampled_from(["--raw", "--style raw"]).map(lambda flag: ("raw", True, flag)),
    *(st.just((name, True, f"--{name}")) for name in ("tile", "draft", "hd")),
    st.sampled_from(["relax", "fast", "turbo"]).map(lambda it: ("speed", it, f"--{it}")),
]
choices = st.lists(st.sampled_from(spellings), unique_by=id, max_size=8).flatmap(
    lambda chosen: st.tuples(*chosen)
)


@given(st.data())
@settings(max_examples=1)
def test_every_flag_is_generated(data: st.DataObject) -> None:
    """The strategies cover the table of flags."""
    generated = {data.draw(strategy)[0] for strategy in spellings}

    assert generated == {flag.field for flag in FLAGS.values()}


@given(prose, choices, st.randoms(use_true_random=False))
def test_flags_and_fields_mean_the_same(
    prompt: str, chosen: list[tuple[str, Any, str]], order: random.Random
) -> None:
    """However a wish is spelt, its canonical form is the same."""
    spelt = [flag for _, _, flag in chosen]
    order.shuffle(spelt)
    fields = {field: value for field, value, _ in chosen}
    images = {
        "a": {"prompt": prompt, **fields},
        "b": {"prompt": f"{prompt} {' '.join(spelt)}"},
        "c": {"prompt": f"\n {prompt}\t {'  '.join(spelt)} ", **fields},
    }

    first, *others = outcome({"specs/a.yaml": written({"images": images})})

    assert [one.canonical for one in others] == [first.canonical] * 2
    assert canonical(decode(first.canonical)) == first.canonical


clips = st.fixed_dictionaries(
    {},
    optional={
        "end": urls,
        "resolution": st.sampled_from([480, 720, "480", "720"]),
        "motion": st.sampled_from(["low", "high"]),
        "auto": st.booleans(),
        "batch": st.sampled_from([1, 2, 4]),
    },
)
variants = st.one_of(
    st.fixed_dictionaries(
        {"vary": st.sampled_from(["subtle", "strong"])},
        optional={"prompt": prose, "of": st.integers(1, 4)},
    ),
    st.fixed_dictionaries({"upscale": st.sampled_from(["subtle", "creative", "2x", "4x"])}),
    st.fixed_dictionaries({"reroll": st.just(True)}, optional={"take": st.integers(1, 3)}),
    st.fixed_dictionaries({"enhance": st.just(True)}, optional={"of": st.integers(1, 4)}),
    st.fixed_dictionaries({"edit": st.just({}), "prompt": prose}),
    st.fixed_dictionaries({"describe": st.just(True)}, optional={"speed": st.just("fast")}),
    st.fixed_dictionaries({"single": st.just(True)}, optional={"of": st.integers(1, 4)}),
    st.fixed_dictionaries({"zoom": st.sampled_from(["1.5x", "2x"])}),
    st.fixed_dictionaries({"pan": st.sampled_from(["left", "right", "up", "down"])}),
    st.fixed_dictionaries(
        {"inpaint": st.fixed_dictionaries({"mask": urls})}, optional={"prompt": prose}
    ),
    st.fixed_dictionaries(
        {"remix": st.sampled_from(["subtle", "strong"])}, optional={"prompt": prose}
    ),
    st.fixed_dictionaries({"video": clips}, optional={"prompt": prose}),
)
images = st.builds(
    lambda prompt, chosen, below: {
        "prompt": prompt,
        **{field: value for field, value, _ in chosen},
        "variants": below,
    },
    prose,
    choices,
    st.dictionaries(names, variants, max_size=3),
)
alone = st.one_of(
    st.fixed_dictionaries(
        {"blend": st.lists(urls, min_size=2, max_size=4)}, optional={"aspect_ratio": ratios}
    ),
    st.fixed_dictionaries({"describe": urls}, optional={"silence": st.just(["expiring-url"])}),
    st.fixed_dictionaries(
        {"video": st.builds(lambda clip, url: clip | {"source": url}, clips, urls), "prompt": prose}
    ),
)
projects = st.dictionaries(names, images | alone, min_size=1, max_size=4)


def keys_of(resources: list[Resource]) -> dict[str, object]:
    """Return every resource's canonical form and take key by address."""
    found: dict[str, Any] = {}
    for one in resources:
        parent = found[one.parent.address][1] if one.parent else None
        candidate = one.parent.candidate if one.parent else None
        assert canonical(one.request) == one.canonical
        found[one.address] = (one.canonical, one.key(parent, candidate), one.pick)
    return found


def shuffled(value: Any, order: random.Random) -> Any:
    """Return the same tree with the keys of all its mappings in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, order)) for key, item in value.items()]
        order.shuffle(items)
        return dict(items)
    return value


@settings(max_examples=60)
@given(
    projects,
    st.randoms(use_true_random=False),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.sampled_from([20, 80, 1000]),
)
def test_the_form_of_the_yaml_means_nothing(
    project: dict[str, Any],
    order: random.Random,
    flow: bool | None,
    style: str | None,
    width: int,
) -> None:
    """Order of keys, block or flow, quotes, line breaks: the same purchases."""
    plain = outcome({"specs/a.yaml": written({"images": project})})
    other = yaml.dump(
        {"images": shuffled(project, order)},
        default_flow_style=flow,
        width=width,
        allow_unicode=True,
        sort_keys=False,
        Dumper=_dumper(style),
    )

    assert plain
    assert keys_of(outcome({"specs/a.yaml": other.encode()})) == keys_of(plain)


def _dumper(style: str | None) -> type[yaml.SafeDumper]:
    """Return a dumper that writes prompts in one style."""

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        in_style = style if len(value) > 12 else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=in_style)

    Dumper.add_representer(str, text)
    return Dumper


@settings(max_examples=40)
@given(projects, st.data())
def test_moving_images_to_other_files_means_nothing(
    project: dict[str, Any], data: st.DataObject
) -> None:
    """Files are for people: where an image stands does not matter."""
    together = outcome({"specs/a.yaml": written({"images": project})})
    files: dict[str, dict[str, Any]] = {}
    for name, image in project.items():
        file = data.draw(st.sampled_from(["specs/x.yaml", "specs/y.yaml", "specs/z.yaml"]))
        files.setdefault(file, {})[name] = image

    apart = outcome({file: written({"images": some}) for file, some in files.items()})

    assert keys_of(apart) == keys_of(together)


@settings(max_examples=40)
@given(projects, choices)
def test_defaults_mean_what_the_entries_would(
    project: dict[str, Any], chosen: list[tuple[str, Any, str]]
) -> None:
    """Moving a common setting into `defaults` buys nothing anew."""
    common = {field: value for field, value, _ in chosen}
    spelt_out = {
        name: common | image if "prompt" in image and "video" not in image else image
        for name, image in project.items()
    }
    without = {"defaults": common, "images": project}

    by_hand = outcome({"specs/a.yaml": written({"images": spelt_out})})
    by_default = outcome({"specs/a.yaml": written(without)})

    roots = [one.address for one in by_hand if one.operation is Operation.IMAGINE]
    assert [keys_of(by_hand)[one] for one in roots] == [keys_of(by_default)[one] for one in roots]
