"""How a doubt is told, and what became of it: for people and for programs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from reconciler.cli.summary import summary_json
from reconciler.engine.outcome import RunResult
from reconciler.evidence import Reading
from reconciler.inquiry import Inquiry
from reconciler.money import format_price, format_usd
from reconciler.plan.actions import Action, Verb
from reconciler.plan.doubts import age
from reconciler.plan.render import Paint, Tone, tally_line
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.resolving import Surrender

_EXCERPT = 70


def inquiry_lines(found: Inquiry, command: str, paint: Paint) -> Iterator[str]:
    """Yield what is known of a doubt, then how it can be settled: `command` with an action."""
    one = found.purchase
    if found.sender is not None:
        yield f"{one.address} is being submitted right now by {found.sender}: it is no doubt yet."
        return
    price = format_price(one.price)
    yield f"{paint(one.address, Tone.TROUBLE)}  in doubt: perhaps paid, {price}"
    yield f"  asked for  {_asked(one)}"
    yield f"  intent     {one.id}, take {one.take}, attempt {one.attempt}"
    yield f"  sent       {_utc(found.sent_at)}, {age(one, found.now)} ago, to {one.provider}"
    yield f"  happened   {found.happened}"
    yield f"  task id    {found.named_task or 'none is known'}"
    yield f"  balance    {_balance(found)}"
    yield f"  verdict    {paint(found.finding.verdict, Tone.PERSON)}: {found.finding.reason}"
    yield ""
    yield (
        f"The API documents no list of tasks: look for it in the account's own history at "
        f"{one.provider}, around {_utc(found.sent_at)}. Then"
    )
    yield f"  {command} --attach {found.named_task or 'TASK_ID'}"
    yield "      if its task is there: brings the pictures home, buys nothing"
    yield f"  {command} --abandon"
    yield f"      if not: {price} stays counted as spent, and apply may buy it once more"


def _asked(purchase: Purchase) -> str:
    request = json.loads(purchase.canonical)
    prompt = str(request.get("prompt") or "")
    text = prompt if len(prompt) <= _EXCERPT else f"{prompt[: _EXCERPT - 1]}…"
    return f"{request['operation']}: {text}" if text else str(request["operation"])


def _balance(found: Inquiry) -> str:
    now = format_usd(found.balance) if found.balance is not None else None
    then = found.finding.before
    said = f"{now} now" if now else f"not known now: {found.silence}"
    if then is None:
        return said
    after = found.finding.after
    later = "" if after is None or after.at == found.now else f"; {_reading(after)} after it"
    return f"{said}; {_reading(then)} before it was sent{later}"


def _reading(reading: Reading) -> str:
    return f"{format_usd(reading.amount)} at {_utc(reading.at)}"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def inquiry_json(found: Inquiry) -> dict[str, Any]:
    """Return the same for programs; money in micro-dollars."""
    one, finding = found.purchase, found.finding
    return {
        **_identity(one),
        "is_in_doubt": found.sender is None,
        "request": json.loads(one.canonical),
        "sent_at": found.sent_at.isoformat(),
        "age_seconds": max(0, int((found.now - found.sent_at).total_seconds())),
        "happened": found.happened,
        "named_task_id": found.named_task,
        "balance_micro_usd": found.balance,
        "balance_unknown_because": found.silence or None,
        "verdict": finding.verdict.name.lower(),
        "reason": finding.reason,
        "before": finding.before and _reading_json(finding.before),
        "after": finding.after and _reading_json(finding.after),
    }


def _identity(purchase: Purchase) -> dict[str, Any]:
    return {
        "address": purchase.address,
        "intent": purchase.id,
        "take": purchase.take,
        "attempt": purchase.attempt,
        "provider": purchase.provider,
        "phase": purchase.phase.value,
        "task_id": purchase.task_id,
        "price_micro_usd": purchase.price,
    }


def _reading_json(reading: Reading) -> dict[str, Any]:
    return {"at": reading.at.isoformat(), "amount_micro_usd": reading.amount}


def attached_line(purchase: Purchase) -> str:
    """Return the sentence that a task now belongs to a purchase."""
    return f"{purchase.address}: task {purchase.task_id} is attached; nothing more is paid for it."


def attached_json(purchase: Purchase, result: RunResult, project: Project) -> dict[str, Any]:
    """Return what was attached, and how bringing it home ended."""
    return {**_identity(purchase), "settled": "attached", **summary_json(result, project)}


def surrender_lines(left: Surrender, paint: Paint) -> Iterator[str]:
    """Yield what was given up, and what the next apply would do about it."""
    one = left.purchase
    price = format_price(one.cost)
    yield f"{one.address}: given up; {price} stays counted as spent, perhaps paid for nothing."
    if left.proposal is None:
        yield "The specs have errors now; `reconcile validate` shows them."
        return
    action = _next(left)
    if action is None:
        yield "No spec asks for it any more: nothing is bought in its place."
    elif action.verb is Verb.BUY:
        words = paint(f"buy it once more for {format_price(action.price)}", Tone.SPEND)
        yield f"The next `reconcile apply` would {words}."
    else:
        note = f" ({action.note})" if action.note else ""
        yield f"The next `reconcile apply` leaves it: {action.verb}, {action.reason}{note}."
    yield tally_line(left.proposal.plan.tally(), left.proposal.plan.in_sync)
    if left.proposal.objection is not None:
        yield paint(f"Apply would refuse: {left.proposal.objection}.", Tone.TROUBLE)


def _next(left: Surrender) -> Action | None:
    """Return what the plan says about the take that was given up."""
    actions = left.proposal.plan.actions if left.proposal else ()
    return next((one for one in actions if one.key == left.purchase.key), None)


def surrender_json(left: Surrender) -> dict[str, Any]:
    """Return the same for programs."""
    action, one = _next(left), left.purchase
    return {
        **_identity(one),
        "settled": "abandoned",
        "counted_micro_usd": one.cost,
        "next": action
        and {
            "address": action.address,
            "verb": action.verb.value,
            "reason": action.reason.name.lower(),
            "price_micro_usd": action.price,
        },
        "next_apply_micro_usd": left.proposal and left.proposal.plan.tally().price,
        "over_budget": left.proposal
        and left.proposal.objection
        and left.proposal.objection.summary,
    }
