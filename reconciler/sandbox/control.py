"""The control plane: outside every vendor's space, for tests and for people."""

import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from reconciler.sandbox.desk import Desk, origin_of
from reconciler.sandbox.faults import fault_from_json
from reconciler.sandbox.jobs import Vendor
from reconciler.sandbox.ledger import Entry, EntryKind
from reconciler.sandbox.tasks import task_summary

_SHORT = 80
"""Characters of a prompt that a listing shows."""

_WELCOME = """\
reconciler sandbox: an emulator of APIXO's and APIMart's Midjourney APIs. Nothing here costs real
money.

APIXO     {origin}/api/v1
APIMart   {origin}
API key   {key}

What APIXO charges, in play money (USD per task):
  text-to-image, image-to-image   draft 0.10   fast 0.20   turbo 0.40   (8.1 HD fast 0.30)
  image-edit                                   fast 0.30   turbo 0.60
  vary 0.30   upscale 0.30   enhance 0.20 (our guess)   reroll: as its source

What APIMart charges:
  imagine         relax 0.04504   fast 0.05504   turbo 0.10
  all else        relax 0.05504   fast 0.05504   turbo 0.10
  video, a clip   480p 0.20       720p 0.40

A prompt that contains [sandbox: SensitiveContentDetected] fails with that code, and is refunded.

  GET    /sandbox/ledger     every charge and refund
  GET    /sandbox/tasks      every task
  GET    /sandbox/requests   how many requests came
  GET    /sandbox/leaks      keys that were sent to the file host
  GET    /sandbox/faults     misbehaviour on order; POST one or a list to order, DELETE to clear
"""


class ControlPlane:
    """Reads what the desk keeps, and orders faults."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/", self.welcome, methods=["GET"]),
            Route("/sandbox/ledger", self.ledger, methods=["GET"]),
            Route("/sandbox/tasks", self.tasks, methods=["GET"]),
            Route("/sandbox/requests", self.requests, methods=["GET"]),
            Route("/sandbox/leaks", self.leaks, methods=["GET"]),
            Route("/sandbox/faults", self.faults, methods=["GET"]),
            Route("/sandbox/faults", self.order, methods=["POST"]),
            Route("/sandbox/faults", self.clear, methods=["DELETE"]),
        ]

    async def welcome(self, request: Request) -> Response:
        """Say what this is, in text."""
        key = "any" if self._desk.settings.api_key is None else "as configured"
        return PlainTextResponse(_WELCOME.format(origin=origin_of(request), key=key))

    async def ledger(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        """Return all movements of money, and their sums in micro-dollars."""
        entries = self._desk.ledger.entries(self._desk.now)
        sums = {
            kind: sum(entry.amount for entry in entries if entry.kind is kind) for kind in EntryKind
        }
        return JSONResponse(
            {
                "entries": [_entry(entry) for entry in entries],
                "charged": sums[EntryKind.CHARGE],
                "refunded": sums[EntryKind.REFUND],
            }
        )

    async def tasks(self, request: Request) -> Response:  # noqa: ARG002
        """Return all tasks, oldest first."""
        now = self._desk.now
        return JSONResponse({"tasks": [task_summary(t, now) for t in self._desk.tasks.all()]})

    async def requests(self, request: Request) -> Response:
        """Return how many requests of each kind came; `?vendor=` asks for one protocol's."""
        named = request.query_params.get("vendor")
        vendor = next((one for one in Vendor if one == named), None)
        if named and vendor is None:
            return JSONResponse({"error": f"vendor must be one of: {', '.join(Vendor)}"}, 400)
        return JSONResponse(self._desk.visits.counts(vendor))

    async def leaks(self, request: Request) -> Response:  # noqa: ARG002
        """Return the downloads that carried a key."""
        return JSONResponse({"leaks": [asdict(leak) for leak in self._desk.visits.leaks()]})

    async def faults(self, request: Request) -> Response:  # noqa: ARG002
        """Return the rules with their counters."""
        return JSONResponse({"faults": self._desk.script.listing()})

    async def order(self, request: Request) -> Response:
        """Append one rule or a list of them: all, or none where one is wrong."""
        try:
            ordered = json.loads(await request.body())
            rules = ordered if isinstance(ordered, list) else [ordered]
            faults = [fault_from_json(rule) for rule in rules]
        except (ValueError, RecursionError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"ordered": self._desk.script.order(faults)}, 201)

    async def clear(self, request: Request) -> Response:  # noqa: ARG002
        """Forget all rules."""
        return JSONResponse({"removed": self._desk.script.clear()})


def _entry(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "prompt": entry.prompt[:_SHORT]}
