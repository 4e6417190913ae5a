"""A project whose runs get killed, and the proof afterwards that nothing was paid twice or lost.

The program and the sandbox are real processes; only the moment of death is ours.
"""

import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e_kit import CONFIG, KEY_NAME, RECONCILE, Project, Server, clean_env

from reconciler.ids import TaskId
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox.desk import account_of
from reconciler.sandbox.jobs import Vendor
from reconciler.state.store import EventRecord, Store

LAUNCHER = str(Path(__file__).with_name("kills_launcher.py"))
BEFORE, AFTER = "before", "after"
_PATIENCE_S = 120.0
_MASK = Path(__file__).resolve().parents[2] / "examples/04-every-operation/masks/door.png"


@dataclass(frozen=True, slots=True)
class Album:
    """A spec, and what the sandbox's ledger calls each of its pictures: `mode prompt`."""

    spec: str
    names: Mapping[str, str]
    vendor: Vendor = Vendor.APIXO


def single() -> Album:
    """Return one image."""
    spec = "images: {owl: {prompt: a brass owl, pick: 1}}\n"
    return Album(spec, {"owl": "text-to-image a brass owl"})


def thirty() -> Album:
    """Return five trees of six: an image, two variations and an upscale of it, two of those."""
    lines: list[str] = ["images:"]
    names: dict[str, str] = {}
    for number in range(5):
        root, prompt = f"i{number}", f"picture {number}"
        lines += [f"  {root}:", f"    prompt: {prompt}", "    pick: 1", "    variants:"]
        lines += ["      large: {upscale: subtle}"]
        names |= {root: f"text-to-image {prompt}", f"{root}.large": f"upscale {prompt}"}
        for of, light in enumerate(("dawn", "dusk"), 1):
            varied = f"{prompt} at {light}"
            lines += [f"      {light}:", "        vary: strong", f"        of: {of}"]
            lines += [f"        prompt: {varied}", "        pick: 2"]
            lines += ["        variants: {large: {upscale: 2x}}"]
            names[f"{root}.{light}"] = f"vary {varied}"
            names[f"{root}.{light}.large"] = f"upscale {varied}"
    return Album("\n".join(lines) + "\n", names)


def repainted() -> Album:
    """Return an image at APIMart, a part of which is painted anew: a task of two steps."""
    spec = """\
defaults: {version: "8.1"}
images: {owl: {prompt: a brass owl, variants: {eye: {inpaint: {mask: mask.png}, of: 2}}}}
"""
    names = {"owl": "IMAGINE", "owl.@2": "UPSCALE", "owl.eye": "INPAINT"}
    calls = {address: f"{mode} a brass owl" for address, mode in names.items()}
    return Album(spec, calls, Vendor.APIMART)


@dataclass(frozen=True, slots=True)
class Records:
    """What the project's state says."""

    attempts: tuple[Purchase, ...]
    log: tuple[EventRecord, ...]
    booked: Counter[str]
    """The ledger's sum for each intent, in micro-dollars."""

    def doubts(self) -> list[Purchase]:
        """Return what is in doubt."""
        return [one for one in self.attempts if one.phase in (Phase.IN_DOUBT, Phase.SUBMITTING)]

    def task_ids(self) -> list[TaskId]:
        """Return every task id on record."""
        return [one.task_id for one in self.attempts if one.task_id]


@dataclass(slots=True)
class Victim:
    """A project with an account of its own at the sandbox.

    `kills` are its deaths, in words; `doubts` says what they left, once it has come to its end.
    """

    server: Server
    project: Project
    album: Album
    account: str
    kills: list[str] = field(default_factory=list)
    doubts: int = 0

    def die_around(self, where: str, kind: str, number: int) -> bool:
        """Apply, and die around the n-th commit of a kind; return whether it came to that."""
        words = [sys.executable, LAUNCHER, where, kind, str(number), "apply", "--yes"]
        is_dead = self._run(words, None)
        if is_dead:
            self.kills.append(f"{where} {kind} {number}")
        return is_dead

    def die_after(self, seconds: float) -> bool:
        """Apply, and be killed after that time; return whether it still ran."""
        is_dead = self._run([RECONCILE, "apply", "--yes"], seconds)
        if is_dead:
            self.kills.append(f"after {seconds:.3f} s")
        return is_dead

    def _run(self, words: list[str], kill_after: float | None) -> bool:
        process = subprocess.Popen(
            words,
            cwd=self.project.root,
            env=self.project.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S if kill_after is None else kill_after)
        if process.poll() is None:
            process.kill()
        _, errors = process.communicate()
        assert b"Traceback" not in errors, errors.decode()
        assert process.returncode in (0, 7, -signal.SIGKILL), errors.decode()
        self.check()
        return process.returncode == -signal.SIGKILL

    def check(self) -> None:
        """No request was charged twice, whatever is known of it by now."""
        charged = Counter(self.names().values())
        assert max(charged.values(), default=0) <= 1, (self.kills, charged)

    def finish(self) -> None:
        """Let nobody kill it any more, settle its doubts as a person would, and prove the end."""
        self._apply(0, 7)
        if self._settle():
            self._apply(0)
        self._compare()
        before = self.server.get("requests")
        assert self.project("apply").exits(0).out.startswith("No changes")
        assert self.server.get("requests") == before, self.kills
        self.project("verify").exits(0)

    def _apply(self, *codes: int) -> None:
        ran = self.project("apply", "--yes")
        assert ran.code in codes, (self.kills, ran)
        ran.exits(ran.code)

    def _settle(self) -> bool:
        """Look each doubt up in the account's own list of tasks; give up what is not there.

        Returns whether there was any.
        """
        records = self.records()
        self.doubts = len(records.doubts())
        for doubt in records.doubts():
            known, wanted = set(records.task_ids()), self.album.names[doubt.address]
            found = [task for task, name in self.names().items() if name == wanted]
            found = [task for task in found if task not in known]
            decision = ("--attach", found[0]) if found else ("--abandon",)
            self.project("resolve", doubt.address, *decision).exits(0)
        return self.doubts > 0

    def _compare(self) -> None:
        """The sandbox's ledger and the state agree, to the cent and to the picture."""
        records, charges = self.records(), self.charges()
        known = {one.task_id: one for one in records.attempts if one.task_id}
        assert charges.keys() == known.keys(), self.kills
        assert sorted(self.names().values()) == sorted(self.album.names.values()), self.kills
        for one in records.attempts:
            assert one.cost == records.booked[one.id], (self.kills, one)
            if one.task_id is None:
                assert one.phase in (Phase.CANCELLED, Phase.ABANDONED), (self.kills, one)
            else:
                assert one.phase is Phase.STORED, (self.kills, one)
                assert one.cost == charges[one.task_id], (self.kills, one)
        given_up = sum(one.cost or 0 for one in records.attempts if one.phase is Phase.ABANDONED)
        assert sum(records.booked.values()) == sum(charges.values()) + given_up, self.kills
        pictures = {str(one["task_id"]): one["pictures"] for one in self.tasks()}
        for task, purchase in known.items():
            stored = [one for one in purchase.candidates if one.picture]
            assert len(stored) == pictures[task], (self.kills, purchase)

    def records(self) -> Records:
        """Return what is on record now."""
        path = self.project.root / "state/reconciler.db"
        with Store.open(path, read_only=True) as store:
            attempts = (one for key in store.latest() for one in store.attempts(key))
            entries = "SELECT intent, sum(amount_micro_usd) FROM ledger GROUP BY intent"
            booked = store._source.ask(lambda db: Counter(dict(db.execute(entries).fetchall())))
            return Records(tuple(attempts), store.log(), booked)

    def tasks(self) -> list[dict[str, Any]]:
        """Return the account's tasks, as its owner can see them."""
        tasks: list[dict[str, Any]] = self.server.get("tasks")["tasks"]
        return [one for one in tasks if one["account"] == self.account]

    def names(self) -> Mapping[TaskId, str]:
        """Return the account's charged tasks as `mode prompt`."""
        return {one["task_id"]: f"{one['mode']} {one['prompt']}" for one in self.tasks()}

    def charges(self) -> Mapping[TaskId, int]:
        """Return what each of the account's tasks has cost in the end, in micro-dollars."""
        sums: Counter[TaskId] = Counter()
        for one in self.server.get("ledger")["entries"]:
            if one["account"] == self.account:
                sums[one["task_id"]] += one["amount"] * (1 if one["kind"] == "charge" else -1)
        return sums


def victim(server: Server, root: Path, album: Album, dice: random.Random) -> Victim:
    """Make a project that nobody has run yet."""
    key = f"sk-kills-{dice.getrandbits(64):016x}-secret"
    project = Project(root, clean_env(**{KEY_NAME: key}))
    project.write("reconciler.yaml", _config(server, album.vendor))
    project.spec(album.spec)
    shutil.copy(_MASK, root / "mask.png")
    return Victim(server, project, album, account_of(key, album.vendor))


def _config(server: Server, vendor: Vendor) -> str:
    """Return a configuration with this vendor only."""
    base_url = server.base_url if vendor is Vendor.APIXO else server.origin
    text: str = CONFIG.format(base_url=base_url, key_name=KEY_NAME)
    for word in ("  {}:\n", "type: {}\n"):
        text = text.replace(word.format(Vendor.APIXO), word.format(vendor))
    return text
