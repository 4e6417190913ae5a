"""APIMart's routes: they authorize, ask the pure parts, and answer in its forms."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.sandbox.answers import bent, instead, parsed
from reconciler.sandbox.apimart import words
from reconciler.sandbox.apimart.asking import BannedError
from reconciler.sandbox.apimart.envelopes import Envelopes
from reconciler.sandbox.apimart.follow_ups import modal
from reconciler.sandbox.apimart.poll import Question, status_of, unified_of
from reconciler.sandbox.apimart.records import Records
from reconciler.sandbox.apimart.submit import accept, asked, glimpse
from reconciler.sandbox.apimart.words import Action, invalid
from reconciler.sandbox.desk import Desk, origin_of
from reconciler.sandbox.desk import bent as bent_job
from reconciler.sandbox.faults import Action as Fault
from reconciler.sandbox.faults import Deny, Place
from reconciler.sandbox.jobs import Phase, RefusalError, Vendor

_US = Vendor.APIMART
_SUBMIT = "/v1/midjourney/generations"


class ApimartApi:
    """The protocol's endpoints, on top of the sandbox's desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._forms = Envelopes(desk.settings.apimart)

    def routes(self) -> list[Route]:
        """Return the routes to mount; uploads have their own part."""
        balances = ("/v1/balance", "/balance", "/v1/user/balance", "/user/balance")
        return [
            Route(f"{_SUBMIT}/modal", self.modal, methods=["POST"]),
            Route(_SUBMIT, self.submit, methods=["POST"]),
            Route(f"{_SUBMIT}/{{op}}", self.submit, methods=["POST"]),
            Route("/v1/midjourney/{task_id}", self.status, methods=["GET"]),
            Route("/v1/tasks/{task_id}", self.unified, methods=["GET"]),
            *(Route(path, self.balance, methods=["GET"]) for path in balances),
        ]

    async def submit(self, request: Request) -> Response:
        """Accept and charge a task. Source: APIMart facts, sections 2, 5."""
        self._desk.visits.count(Place.SUBMIT, _US)
        body, action = parsed(await request.body()), _action(request)
        mode = action.value if action else None
        fault = self._desk.strike(Place.SUBMIT, _US, mode, self._prompt(body))
        if (broken := instead(fault, self._forms.refuse)) is not None:
            return broken
        try:
            answer = self._accept(request, action, body, fault)
        except RefusalError as refusal:
            return self._refused(refusal)
        return await bent(answer, fault, self._forms.refuse)

    async def modal(self, request: Request) -> Response:
        """Take up the second step of a task. Source: APIMart facts, section 4."""
        self._desk.visits.count(Place.MODAL, _US)
        body = parsed(await request.body())
        task = self._desk.tasks.find(glimpse(body).parent or "")
        mode = task.mode if task else None
        fault = self._desk.strike(Place.MODAL, _US, mode, self._prompt(body))
        if (broken := instead(fault, self._forms.refuse)) is not None:
            return broken
        try:
            answer = self._go_on(request, body, fault)
        except RefusalError as refusal:
            return self._refused(refusal)
        return await bent(answer, fault, self._forms.refuse)

    async def status(self, request: Request) -> Response:
        """Tell about a task. Source: APIMart facts, section 6."""
        return await self._asked(request, is_unified=False)

    async def unified(self, request: Request) -> Response:
        """Tell about a task as about any other. Source: APIMart facts, section 7."""
        return await self._asked(request, is_unified=True)

    async def balance(self, request: Request) -> Response:
        """Answer what key and account have left, in USD: here they are the same.

        Source: APIMart facts, section 17.
        """
        self._desk.visits.count(Place.BALANCE, _US)
        fault = self._desk.strike(Place.BALANCE, _US)
        if (broken := instead(fault, self._forms.refuse)) is not None:
            return broken
        try:
            account = self._desk.account(request, _US)
            self._desk.admit(account, asks=True)
        except RefusalError as refusal:
            return self._refused(refusal)
        if isinstance(fault, Deny):
            return JSONResponse({"success": False, "message": fault.message})
        return await bent(self._balance(account), fault, self._forms.refuse)

    def _balance(self, account: str) -> Response:
        left = self._desk.ledger.balance(account, self._desk.now)
        used = self._desk.settings.balance - left
        return JSONResponse(
            {
                "success": True,
                "remain_balance": left / 1_000_000,
                "used_balance": used / 1_000_000,
                "unlimited_quota": False,
            }
        )

    async def _asked(self, request: Request, *, is_unified: bool) -> Response:
        self._desk.visits.count(Place.STATUS, _US)
        task_id = request.path_params["task_id"]
        fault = self._desk.strike_task(Place.STATUS, _US, self._desk.tasks.find(task_id))
        if (broken := instead(fault, self._forms.refuse)) is not None:
            return broken
        try:
            records = self._records(request, asks=True)
            question = Question(
                records.task(task_id), records.now, records.base, self._desk.settings
            )
        except RefusalError as refusal:
            answer = self._refused(refusal)
        else:
            answer = self._told(question, is_unified=is_unified)
        return await bent(answer, fault, self._forms.refuse)

    def _told(self, question: Question, *, is_unified: bool) -> Response:
        if is_unified:
            return JSONResponse({"code": 200, "data": unified_of(question)})
        return self._forms.poll(status_of(question))

    def _accept(
        self, request: Request, action: Action | None, body: object, fault: Fault | None
    ) -> Response:
        records = self._records(request)
        if action is None:
            raise RefusalError(404, "Invalid URL")
        job = accept(asked(action, body, records))
        task = self._desk.accept(records.account, job, records.base, fault)
        if action is Action.INPAINT and task.paused:
            return self._forms.paused(task.task_id)
        return self._forms.accepted(task.task_id)

    def _go_on(self, request: Request, body: object, fault: Fault | None) -> Response:
        records = self._records(request)
        ask = asked(Action.MODAL, body, records)
        task_id = ask.body.get("task_id")
        if not isinstance(task_id, str) or not task_id:
            raise invalid("task_id is required for modal")
        task = records.task(task_id)
        if task.phase(records.now) is not Phase.PAUSED:
            raise invalid(f"task {task_id} is not in MODAL state")
        job = modal(ask, task)
        self._desk.tasks.go_on(task, bent_job(job, fault), records.now)
        return self._forms.accepted(task_id)

    def _records(self, request: Request, *, asks: bool = False) -> Records:
        account = self._desk.account(request, _US)
        self._desk.admit(account, asks=asks)
        return Records(self._desk, account, origin_of(request))

    def _refused(self, refusal: RefusalError) -> Response:
        if isinstance(refusal, BannedError):
            return self._forms.banned(refusal.message)
        return self._forms.refuse(refusal.status, refusal.message, None)

    def _prompt(self, body: object) -> str | None:
        """Return the prompt that a submission will have: its own, or its parent's."""
        seen = glimpse(body)
        if seen.prompt is not None or seen.parent is None:
            return seen.prompt
        parent = self._desk.tasks.find(seen.parent)
        return None if parent is None else parent.prompt


def _action(request: Request) -> Action | None:
    return words.PATHS.get(request.path_params.get("op", ""))
