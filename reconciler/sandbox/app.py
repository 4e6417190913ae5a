"""The sandbox as one ASGI application, and as an object for tests in the same process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from reconciler.sandbox.apimart.envelopes import Envelopes
from reconciler.sandbox.apimart.routes import ApimartApi
from reconciler.sandbox.apimart.uploading import ApimartUploads
from reconciler.sandbox.apixo.routes import ApixoApi, envelope
from reconciler.sandbox.control import ControlPlane
from reconciler.sandbox.desk import Desk
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.files import FileHost
from reconciler.sandbox.jobs import Vendor
from reconciler.sandbox.ledger import Entry
from reconciler.sandbox.settings import SandboxSettings
from reconciler.sandbox.tasks import task_summary
from reconciler.sandbox.visits import Leak


class Sandbox:
    """A sandbox in this process: `app` speaks HTTP, the methods tell what happened.

    Several sandboxes, in several processes, may open the same database.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._desk = Desk(settings)
        self._api = ApixoApi(self._desk)
        parts = (
            *(self._api, ApimartApi(self._desk), ApimartUploads(self._desk)),
            *(FileHost(self._desk), ControlPlane(self._desk)),
        )
        self.app = Starlette(
            routes=[route for part in parts for route in part.routes()],
            exception_handlers={HTTPException: self._unknown, Exception: self._bug},
            lifespan=self._lifespan,
        )
        self.app.router.redirect_slashes = False

    def ledger(self) -> list[Entry]:
        """Return every charge and refund until now, oldest first."""
        return self._desk.ledger.entries(self._desk.now)

    def tasks(self) -> list[dict[str, object]]:
        """Return every task, oldest first, as `GET /sandbox/tasks` does."""
        return [task_summary(task, self._desk.now) for task in self._desk.tasks.all()]

    def requests(self, vendor: Vendor | None = None) -> dict[str, int]:
        """Return how many requests of each kind (faults.Place) came; None: to any vendor."""
        return self._desk.visits.counts(vendor)

    def leaks(self) -> list[Leak]:
        """Return the downloads that carried a key, where none belongs."""
        return self._desk.visits.leaks()

    def order(self, *faults: Fault) -> None:
        """Order misbehaviour."""
        self._desk.script.order(faults)

    def close(self) -> None:
        """Close the database; garbage collection does it too."""
        self._desk.database.close()

    async def _unknown(self, request: Request, error: Exception) -> Response:
        """Answer an unknown route or a wrong method as the vendor answers everything."""
        if not isinstance(error, HTTPException):
            return await self._bug(request, error)
        return self._error(request, error.status_code, error.detail)

    async def _bug(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        return self._error(request, 500, "Internal error of the sandbox")

    def _error(self, request: Request, status: int, message: str) -> Response:
        if request.url.path.startswith("/v1/"):
            return Envelopes(self._desk.settings.apimart).refuse(status, message, None)
        return envelope(status, message)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:  # noqa: ARG002
        self._api.courier.resume()
        yield
        await self._api.courier.stop()


def create_app(settings: SandboxSettings) -> Starlette:
    """Return the sandbox as an ASGI application."""
    return Sandbox(settings).app
