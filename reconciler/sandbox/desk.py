"""What every protocol of the sandbox shares: accounts, acceptance, faults, the archive, drawing."""

import hashlib
import re
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from reconciler.sandbox.database import Database
from reconciler.sandbox.drawing import Painting, grid_of, image_of, mp4_of, png_of, size_of
from reconciler.sandbox.drawing.photos import Photos
from reconciler.sandbox.faults import Action, Fail, Fewer, Idle, Place, Stall
from reconciler.sandbox.jobs import Failure, Job, OwnPicture, Phase, RefusalError, Task, Vendor
from reconciler.sandbox.ledger import Ledger
from reconciler.sandbox.script import Script
from reconciler.sandbox.settings import SandboxSettings
from reconciler.sandbox.tasks import Register
from reconciler.sandbox.uploads import Uploads
from reconciler.sandbox.visits import Leak, Visits

_MAGIC = re.compile(r"\[sandbox:\s*([^\]]+?)\s*\]")
"""A prompt that contains this makes its task fail with the code in it."""

_OWN_LINK = re.compile(r"/files/([^/]+)/([1-9][0-9]?)\.png$")

_QUICK = 200 * 200
"""Pixels up to which drawing is over before a thread would have started."""


class Desk:
    """The sandbox's office: one database, one clock, and everything that is kept there."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        self.ledger = Ledger(self.database, settings.balance)
        self.tasks = Register(self.database, self.ledger, settings)
        self.script = Script(self.database)
        self.visits = Visits(self.database)
        self.uploads = Uploads(self.database)

    @property
    def now(self) -> float:
        """Epoch seconds, by the clock of the settings."""
        return self.settings.clock()

    def account(self, request: Request, vendor: Vendor = Vendor.APIXO) -> str:
        """Return the account that a request's key has with a vendor. Raises RefusalError 401."""
        key = bearer(request)
        wanted = self.settings.api_key
        if not key or (wanted is not None and key != wanted):
            raise RefusalError(401, "Unauthorized: missing or invalid API key")
        return account_of(key, vendor)

    def admit(self, account: str, *, asks: bool = False) -> None:
        """Count a request against the limit per minute. Raises RefusalError 429.

        `asks`: it is no submission, and counts where the settings say so.
        """
        if asks and not self.settings.polls_count:
            return
        limit, window = self.settings.requests_per_minute, 60 / self.settings.speed
        self.visits.admit(account, self.now, limit, window)

    def accept(self, account: str, job: Job, origin: str, fault: Action | None) -> Task:
        """Record and charge a job, as the fault and the prompt want it. Raises RefusalError."""
        return self.tasks.accept(account, bent(job, fault), origin, self.now)

    def strike(
        self, place: Place, vendor: Vendor, mode: str | None = None, prompt: str | None = None
    ) -> Action | None:
        """Return what goes wrong with this request, if anything does."""
        return self.script.strike(place, vendor, mode, prompt)

    def strike_task(self, place: Place, vendor: Vendor, task: Task | None) -> Action | None:
        """Return what goes wrong with a request about this task."""
        mode, prompt = (task.mode, task.prompt) if task else (None, None)
        return self.script.strike(place, vendor, mode, prompt)

    def archive(self, account: str) -> "AccountArchive":
        """Return what the account may know of earlier tasks."""
        return AccountArchive(self, account)

    def delivered(self, task: Task | None, number: int) -> bool:
        """Return whether a task's picture can be downloaded now: finished, and not expired."""
        if task is None or task.phase(self.now) is not Phase.SUCCESS:
            return False
        expires = task.finished + self.settings.link_lifetime.total_seconds()
        return 1 <= number <= task.pictures and self.now < expires

    def record_leak(self, request: Request) -> None:
        """Record a key that came with a request that needs none."""
        if "authorization" in request.headers:
            self.visits.leaked(Leak(self.now, request.url.path, account_of(bearer(request))))

    async def draw(self, task: Task, number: int) -> bytes:
        """Return a candidate's picture as PNG."""
        painting = task.commission.candidate(number)
        long_side = self.settings.long_side
        photos = self._photos(painting)
        width, height = size_of(painting, long_side)
        if width * height <= _QUICK:
            return png_of(painting, long_side, photos)
        return await run_in_threadpool(png_of, painting, long_side, photos)

    async def draw_grid(self, task: Task) -> bytes:
        """Return all of a task's pictures as one PNG."""
        paintings = [task.commission.candidate(n + 1) for n in range(task.pictures)]
        photos = self._photos(*paintings)
        return await run_in_threadpool(grid_of, paintings, self.settings.long_side, photos)

    async def film(self, task: Task, number: int, short_side: int) -> bytes:
        """Return a candidate's clip as MP4."""
        painting = replace(task.commission.candidate(number), number=1)
        image = image_of(painting, self.settings.long_side, self._photos(painting))
        return await run_in_threadpool(mp4_of, image, short_side, number)

    def _photos(self, *paintings: Painting) -> Photos:
        names = {name for painting in paintings for name in painting.photos()}
        found = {name: self.uploads.find(name) for name in names}
        return {name: upload.content for name, upload in found.items() if upload is not None}


@dataclass(frozen=True, slots=True)
class AccountArchive:
    """The tasks of one account; those of others do not exist for it."""

    _desk: Desk
    _account: str

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self._desk.now

    def find(self, task_id: str) -> Task | None:
        """Return the account's task of this id."""
        task = self._desk.tasks.find(task_id)
        return task if task is not None and task.account == self._account else None

    def picture(self, url: str) -> OwnPicture | None:
        """Return the picture that a link of this sandbox points at, alive or expired."""
        link = own_link(url)
        task = self.find(link[0]) if link else None
        if link is None or task is None or link[1] > task.pictures:
            return None
        return OwnPicture(task, link[1], self._desk.delivered(task, link[1]))


def own_link(url: str) -> tuple[str, int] | None:
    """Return task id and candidate of a picture's link, where it looks like one of the sandbox."""
    found = _OWN_LINK.search(url)
    return (found[1], int(found[2])) if found else None


def bearer(request: Request) -> str:
    """Return the request's bearer key, empty where there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def account_of(key: str, vendor: Vendor = Vendor.APIXO) -> str:
    """Return the name of a key's account: a part of its hash, so that no key is ever stored."""
    salt = "" if vendor is Vendor.APIXO else f"{vendor} "
    return hashlib.sha256((salt + key).encode()).hexdigest()[:16]


def origin_of(request: Request) -> str:
    """Return scheme and host as the client used them: links have to work for it."""
    host = request.headers.get("host") or "sandbox"
    return f"{request.url.scheme}://{host}"


def magic_word(prompt: str) -> str | None:
    """Return the code in a prompt's `[sandbox: CODE]`, which makes its task fail with it."""
    found = _MAGIC.search(prompt)
    return found[1] if found else None


def bent(job: Job, fault: Action | None) -> Job:
    """Return the job with what the fault or the prompt orders."""
    magic = magic_word(job.prompt)
    if magic and job.failure is None:
        job = replace(job, failure=Failure(magic, "Failed because the prompt asked for it"))
    match fault:
        case Fail(code, message):
            return replace(job, failure=Failure(code, message))
        case Fewer(pictures):
            return replace(job, pictures=max(0, min(job.pictures, pictures)))
        case Stall(seconds):
            return replace(job, stall=float("inf") if seconds is None else seconds)
        case Idle(seconds):
            return replace(job, idle=float("inf") if seconds is None else seconds)
    return job
