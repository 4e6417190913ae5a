"""A project on disk: found, configured, its specs loaded and judged, its possessions gathered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from reconciler.assets.naming import find_collisions
from reconciler.assets.objects import ObjectStore
from reconciler.assets.views import Views
from reconciler.config import CONFIG_FILE, SANDBOX, AssetsConfig, Config
from reconciler.errors import ConfigError
from reconciler.ids import Address, ProviderName
from reconciler.money import MicroUsd
from reconciler.plan.pricing import Seller, Sellers
from reconciler.providers import PROVIDERS
from reconciler.providers.check import check, misaddressed
from reconciler.providers.protocol import Issue, Provider
from reconciler.purchase import Purchase
from reconciler.spec.diagnostics import Problem
from reconciler.spec.load import Specs, load_config, load_specs, text_reader
from reconciler.spec.resource import Resource, TakeKey

_REHEARSAL = "rehearsal"
_CACHE = "cache.db"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a reconciler.yaml. `is_rehearsal`: everything goes to the sandbox instead."""

    root: Path
    config: Config
    is_rehearsal: bool = False

    @classmethod
    def find(cls, start: Path) -> "Project":
        """Return the project that `start` lies in, walking up. Raises ConfigError."""
        root = _root_above(start)
        return cls(root, load_config(root, cache=_usual_cache(root)))

    def rehearsal(self) -> "Project":
        """Return the same specs with every provider replaced by the sandbox.

        State and assets lie apart from the real ones, so that drawn pictures never mix with bought
        ones.
        """
        state = Path(self.config.state).parent / _REHEARSAL
        providers = {
            name: replace(provider, base_url=SANDBOX, speed=max(provider.speed, 20.0))
            for name, provider in self.config.providers.items()
        }
        assets = AssetsConfig(str(state / "assets"), self.config.assets.views)
        config = replace(
            self.config, providers=providers, state=str(state / "reconciler.db"), assets=assets
        )
        return Project(self.root, config, is_rehearsal=True)

    @property
    def state_path(self) -> Path:
        """The database."""
        return self.root / self.config.state

    @property
    def assets_path(self) -> Path:
        """The folder with objects and views."""
        return self.root / self.config.assets.dir

    @property
    def cache_path(self) -> Path:
        """Compiled specs; deleting it costs time only."""
        return self.state_path.parent / _CACHE

    @property
    def sandbox_path(self) -> Path:
        """The embedded sandbox's own database."""
        return self.state_path.parent / "sandbox.db"

    @property
    def lock_path(self) -> Path:
        """The file whose lock one run at a time holds."""
        return self.state_path.parent / "run.lock"

    def views(self, objects: ObjectStore) -> Views:
        """Return the readable tree of names beside the objects."""
        return Views(self.assets_path, objects, self.config.assets.views)

    def adapters(self) -> Mapping[ProviderName, Provider]:
        """Return the adapter of every configured provider."""
        return {name: PROVIDERS[one.type] for name, one in self.config.providers.items()}

    def sellers(self) -> Sellers:
        """Return what the planner needs of every provider. Raises ConfigError for a price key."""
        sellers = {}
        for name, adapter in self.adapters().items():
            overrides = self.config.prices.get(name, {})
            _check_price_keys(name, adapter, overrides)
            publishes = self.config.publish is not None
            sellers[name] = Seller(adapter, overrides, publishes=publishes)
        return sellers

    def load(self) -> Specs:
        """Return the specs, judged by their providers' rules. Raises SpecError."""
        return load_specs(self.root, self.config, cache=self.cache_path, judge=self._judge)

    def read(self, file: str) -> str:
        """Return the text of a file of the project."""
        return text_reader(self.root)(file)

    def _judge(self, resources: Mapping[Address, Resource]) -> Iterator[Problem]:
        """Yield what the language allows and the providers, or the file system, do not."""
        from reconciler.publishing import unusable_place
        from reconciler.spec.whence import whence

        for resource, issue in self._objections(resources):
            place = whence(self.root, self.config, resource, issue.field)
            yield place.problem(issue.message, issue.hint)
        yield from misaddressed(self.config, self.adapters())
        yield from unusable_place(self.config, self.adapters(), is_rehearsal=self.is_rehearsal)
        yield from _colliding_views(resources)

    def _objections(
        self, resources: Mapping[Address, Resource]
    ) -> Iterator[tuple[Resource, Issue]]:
        from reconciler.inspecting import unusable

        yield from check(resources, self.adapters(), _Makers(self.state_path))
        yield from unusable(resources, self.root, self.config)


class _Makers:
    """Who made what is owned; the state is only read when a provider's rule objects to a spec."""

    def __init__(self, state_path: Path) -> None:
        self._state_path = state_path

    @cached_property
    def _purchases(self) -> Mapping[TakeKey, Purchase]:
        from reconciler.state.store import Store

        with Store.open(self._state_path, read_only=True) as store:
            return store.latest()

    def __call__(self, root: Resource) -> ProviderName | None:
        """Return the provider that made a root image, if it is owned."""
        bought = self._purchases.get(root.key(None, None))
        return bought.provider if bought else None


def _usual_cache(root: Path) -> Path | None:
    """Return where the cache is unless reconciler.yaml, still unread, puts the state elsewhere."""
    folder = root / "state"
    return folder / _CACHE if folder.is_dir() else None


def _root_above(start: Path) -> Path:
    folder = start.resolve()
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {start}", hint="`-C DIR` names a project's folder")
    for candidate in (folder, *folder.parents):
        if (candidate / CONFIG_FILE).is_file():
            return candidate
    raise ConfigError(
        f"no {CONFIG_FILE} in {folder} or above",
        hint="`reconcile init` makes a project here, `reconcile -C DIR` works in another folder",
    )


def _check_price_keys(
    name: ProviderName, adapter: Provider, overrides: Mapping[str, MicroUsd]
) -> None:
    known = adapter.can.prices.rows
    for key in overrides:
        if key not in known:
            raise ConfigError(
                f"{CONFIG_FILE}: `prices.{name}` has no key `{key}`",
                hint=f"it knows: {', '.join(known)}",
            )


def _colliding_views(resources: Mapping[Address, Resource]) -> Iterator[Problem]:
    for name, addresses in find_collisions(resources).items():
        first, *others = (resources[address] for address in addresses)
        for other in others:
            yield Problem(
                other.file,
                other.path,
                f"`{other.address}` and `{first.address}` would both be shown as `{name}`",
                "give one of them another name",
                on_key=True,
                related=(("the other one", first.file, first.path),),
            )
