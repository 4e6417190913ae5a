"""APIXO's three routes: they authorize, ask the pure parts, and answer with an envelope."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.sandbox.answers import bent, instead, parsed
from reconciler.sandbox.apixo.status import callback_of, status_of
from reconciler.sandbox.apixo.submit import Glimpse, accept, glimpse, late
from reconciler.sandbox.apixo.words import MODEL
from reconciler.sandbox.callbacks import Courier
from reconciler.sandbox.desk import Desk, origin_of
from reconciler.sandbox.faults import Action, Place
from reconciler.sandbox.jobs import Job, RefusalError, Vendor
from reconciler.sandbox.wire import retry_header

BASE_PATH = "/api/v1"


def envelope(
    status: int, message: str, data: object = None, *, retry_after: float | None = None
) -> Response:
    """Return an answer in APIXO's form. Source: APIXO facts, section 1."""
    content = {"code": status, "message": message, "data": data}
    return JSONResponse(content, status, headers=retry_header(retry_after))


class ApixoApi:
    """The protocol's endpoints, on top of the sandbox's desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.courier = Courier(desk, callback_of)

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route(f"{BASE_PATH}/generateTask/{{model}}", self.submit, methods=["POST"]),
            Route(f"{BASE_PATH}/statusTask/{{model}}", self.status, methods=["GET"]),
            Route(f"{BASE_PATH}/apikeys/current-balance", self.balance, methods=["GET"]),
        ]

    async def submit(self, request: Request) -> Response:
        """Accept and charge a task. Source: APIXO facts, section 2."""
        self._desk.visits.count(Place.SUBMIT, Vendor.APIXO)
        body = parsed(await request.body())
        seen = glimpse(body)
        fault = self._desk.strike(Place.SUBMIT, Vendor.APIXO, seen.mode, self._prompt(seen))
        if (broken := instead(fault, _refuse)) is not None:
            return broken
        try:
            answer = self._accept(request, body, fault)
        except RefusalError as refusal:
            return envelope(refusal.status, refusal.message)
        return await bent(answer, fault, _refuse)

    async def status(self, request: Request) -> Response:
        """Tell about a task. Source: APIXO facts, section 3."""
        self._desk.visits.count(Place.STATUS, Vendor.APIXO)
        task_id = request.query_params.get("taskId", "")
        fault = self._desk.strike_task(Place.STATUS, Vendor.APIXO, self._desk.tasks.find(task_id))
        if (broken := instead(fault, _refuse)) is not None:
            return broken
        try:
            answer = self._status(request, task_id)
        except RefusalError as refusal:
            answer = envelope(refusal.status, refusal.message)
        return await bent(answer, fault, _refuse)

    async def balance(self, request: Request) -> Response:
        """Answer what the key has left, as a number in USD. Source: APIXO facts, section 11."""
        self._desk.visits.count(Place.BALANCE, Vendor.APIXO)
        fault = self._desk.strike(Place.BALANCE, Vendor.APIXO)
        if (broken := instead(fault, _refuse)) is not None:
            return broken
        try:
            account = self._desk.account(request)
            self._desk.admit(account, asks=True)
            left = self._desk.ledger.balance(account, self._desk.now)
        except RefusalError as refusal:
            return envelope(refusal.status, refusal.message)
        return await bent(envelope(200, "success", left / 1_000_000), fault, _refuse)

    def _accept(self, request: Request, body: object, fault: Action | None) -> Response:
        account = self._desk.account(request)
        _check_model(request)
        self._desk.admit(account)
        job = self._job(account, body)
        task = self._desk.accept(account, job, origin_of(request), fault)
        self.courier.send(task)
        return envelope(200, "success", {"taskId": task.task_id})

    def _job(self, account: str, body: object) -> Job:
        try:
            return accept(body, self._desk.archive(account))
        except RefusalError as refusal:
            if refusal.fail_code is None or not self._desk.settings.reject_late:
                raise
            return late(body, refusal)

    def _status(self, request: Request, task_id: str) -> Response:
        account = self._desk.account(request)
        _check_model(request)
        self._desk.admit(account, asks=True)
        if not task_id:
            raise RefusalError(400, "Missing required parameter: taskId")
        task = self._desk.archive(account).find(task_id)
        if task is None:
            raise RefusalError(404, "Task not found")
        return envelope(200, "success", status_of(task, self._desk.now, origin_of(request)))

    def _prompt(self, seen: Glimpse) -> str | None:
        """Return the prompt that a submission will have: its own, or its parent's."""
        if seen.prompt is not None or seen.parent is None:
            return seen.prompt
        parent = self._desk.tasks.find(seen.parent)
        return None if parent is None else parent.prompt


def _check_model(request: Request) -> None:
    if request.path_params["model"] != MODEL:
        raise RefusalError(404, f"Model not found: {request.path_params['model']}")


def _refuse(status: int, message: str, retry_after: float | None) -> Response:
    return envelope(status, message, retry_after=retry_after)
