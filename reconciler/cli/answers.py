"""How the looking commands put their answers, for people and for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from reconciler.ids import parts_of
from reconciler.looking import Portrait, State, Status, remark, standing_of, state_of
from reconciler.money import format_price, format_usd
from reconciler.plan import doubts
from reconciler.plan.offers import undelivered
from reconciler.plan.render import Paint, Tone, describe
from reconciler.plan.wording import field_in_words
from reconciler.purchase import Candidate, Purchase, StoredPicture
from reconciler.spec.request import decode, is_local
from reconciler.state.records import EventRecord

_DIGEST_LENGTH = 64
_TONES = {
    State.IN_SYNC: Tone.FREE,
    State.PENDING: Tone.SPEND,
    State.NEEDS_PICK: Tone.PERSON,
    State.IN_DOUBT: Tone.TROUBLE,
    State.FAILED: Tone.TROUBLE,
    State.BLOCKED: Tone.TROUBLE,
}


def status_lines(status: Status, paint: Paint, *, show_all: bool) -> Iterator[str]:
    """Yield a line for each address that is not in sync, then the counts."""
    if status.running is not None:
        yield f"A run is active: {status.running}."
        yield ""
    for action in status.plan.actions:
        state = state_of(action)
        note = f" ({action.note})" if action.note else ""
        price = f"  {format_price(action.price)}" if state is State.IN_DOUBT else ""
        where = f"{paint(f'{state:<15}', _TONES.get(state, Tone.FREE))} {action.address}{price}"
        yield f"  {where}" + paint(f"  {action.reason}{note}", Tone.FAINT)
    if show_all:
        for address in status.in_sync:
            yield f"  {paint(f'{State.IN_SYNC:<15}', Tone.FREE)} {address}"
    if status.plan.actions or (show_all and status.in_sync):
        yield ""
    counts = [
        f"{number} {state}{_in_doubt(status) if state is State.IN_DOUBT else ''}"
        for state, number in status.counts().most_common()
    ]
    spent = format_usd(status.spent_this_month)
    yield f"{', '.join(counts) or 'No resources'}. Spent or reserved this month: {spent}."


def _in_doubt(status: Status) -> str:
    """Return what is perhaps paid, in brackets; unknown is never zero."""
    unpriced = status.unpriced_doubts
    known = format_usd(status.in_doubt_micro_usd)
    return f" ({known} and {unpriced} at an unknown price)" if unpriced else f" ({known})"


def status_json(status: Status) -> dict[str, Any]:
    """Return the status for programs."""
    resources = [
        {
            "address": action.address,
            "state": state_of(action).name.lower(),
            "reason": action.reason.name.lower(),
            "note": action.note or None,
            "price_micro_usd": action.price,
            "task_id": action.purchase.task_id if action.purchase else None,
        }
        for action in status.plan.actions
    ]
    resources += [{"address": one, "state": "in_sync"} for one in status.in_sync]
    running = status.running
    return {
        "resources": resources,
        "counts": {state.name.lower(): number for state, number in status.counts().items()},
        "active_run": running and json.loads(json.dumps(asdict(running), default=str)),
        "spent_this_month_micro_usd": status.spent_this_month,
        "in_doubt_micro_usd": status.in_doubt_micro_usd,
    }


def portrait_lines(portrait: Portrait, paint: Paint) -> Iterator[str]:
    """Yield everything about one address, in sections."""
    yield paint(portrait.address, Tone.SPEND)
    if portrait.place is not None:
        yield f"  written at  {portrait.place.file}:{portrait.place.line}"
    else:
        yield f"  {_nameless(portrait)}"
    yield f"  stands      {standing_of(portrait)}"
    if portrait.action is not None and portrait.action.source:
        yield f"  is          {describe(portrait.action)}"
    yield f"  paid        {format_usd(portrait.cost())}"
    for step in portrait.steps:
        price = format_price(step.cost)
        yield f"  also        {step.address}, {step.phase}, {price}: its follow-ups start from it"
    yield from _request_lines(portrait)
    yield from _take_lines(portrait)
    yield from _view_lines(portrait)
    if portrait.events:
        yield ""
        yield "events"
        for event in portrait.events:
            yield "  " + event_line(event)


def _request_lines(portrait: Portrait) -> Iterator[str]:
    if portrait.resource is None:
        return
    yield ""
    yield "request"
    for name, value in json.loads(portrait.resource.canonical).items():
        yield f"  {name}: {field_in_words(value, portrait.resource.files)}"
    for number, call in enumerate(portrait.sent):
        yield ""
        yield f"{'then' if number else 'sent as'} {call.method} {call.path}"
        for line in json.dumps(call.body, indent=2, ensure_ascii=False).splitlines():
            yield f"  {line}"


def _nameless(portrait: Portrait) -> str:
    is_step = parts_of(portrait.address)[-1].startswith("@")
    return "bought for follow-ups that start from it" if is_step else "no spec names it any more"


def _take_lines(portrait: Portrait) -> Iterator[str]:
    for one in portrait.takes:
        yield ""
        yield from _heading(one, portrait)
        if one.task_id:
            yield f"  task {one.task_id} at {one.provider}"
        if one.failure:
            yield f"  {doubts.failure(one)} ({one.failure.advice})"
        yield from _report_lines(one, portrait)
        for candidate in one.candidates:
            picture = candidate.picture
            stored = (
                f"{picture.digest[:16]}  {_size(picture)}{picture.media_type}"
                f"  {picture.byte_count:,} bytes"
                if picture
                else "not stored yet"
            )
            yield f"  candidate {candidate.number}  {stored}"
            if picture is not None and picture.digest in portrait.texts:
                for line in portrait.texts[picture.digest].splitlines():
                    yield f"    {line}"
        for number in undelivered(one):
            yield f"  candidate {number}  not delivered"


def _heading(one: Purchase, portrait: Portrait) -> Iterator[str]:
    """Yield what was bought when; or, for what was made here, out of what."""
    fingerprint, moment = one.fingerprint[:16], f"{one.created_at:%Y-%m-%d %H:%M:%S} UTC"
    if is_local(decode(one.canonical)):
        origin = portrait.origins.get(one.id)
        yield f"take {one.take}: cut out{f' of {origin}' if origin else ''} on {moment}, for free"
        yield f"  fingerprint {fingerprint}"
        return
    yield f"take {one.take}, attempt {one.attempt}: {one.phase}, {format_price(one.price)}"
    yield f"  fingerprint {fingerprint}  bought {moment}"


def _size(picture: StoredPicture) -> str:
    return "" if picture.width is None else f"{picture.width}×{picture.height} "


def _report_lines(one: Purchase, portrait: Portrait) -> Iterator[str]:
    """Yield what the provider told beside the pictures."""
    said = remark(one, portrait.vendors)
    if said:
        yield f"  {said}"
    if one.charged is not None and not is_local(decode(one.canonical)):
        yield f"  charged {format_usd(one.charged)}"
    if one.report.quota is not None:
        yield f"  quota as reported: {one.report.quota}"
    if one.report.grid_url:
        yield f"  all in one picture: {one.report.grid_url}"


def _view_lines(portrait: Portrait) -> Iterator[str]:
    if portrait.view is None:
        return
    yield ""
    yield "shown as"
    for path in portrait.view.files:
        yield f"  {path}"


def portrait_json(portrait: Portrait) -> dict[str, Any]:
    """Return everything about one address for programs."""
    resource, place = portrait.resource, portrait.place
    return {
        "address": portrait.address,
        "spec": place and {"file": place.file, "line": place.line, "column": place.column},
        "state": (state_of(portrait.action) if portrait.action else State.IN_SYNC).name.lower(),
        "request": json.loads(resource.canonical) if resource else None,
        "sent": [
            {"method": one.method, "path": one.path, "body": one.body} for one in portrait.sent
        ],
        "paid_micro_usd": portrait.cost(),
        "takes": [_take_json(one, portrait) for one in portrait.takes],
        "needed_by_follow_ups": [_take_json(one, portrait) for one in portrait.steps],
        "view": dict(portrait.view.files) if portrait.view else None,
        "events": [json.loads(event_json_line(event)) for event in portrait.events],
    }


def _take_json(one: Purchase, portrait: Portrait) -> dict[str, Any]:
    said = asdict(one.report)
    del said["handle"]  # means something to one adapter only
    return {
        "intent": one.id,
        "fingerprint": one.fingerprint,
        "take": one.take,
        "attempt": one.attempt,
        "phase": one.phase.value,
        "provider": one.provider,
        "task_id": one.task_id,
        "price_micro_usd": one.price,
        "created_at": one.created_at.isoformat(),
        "failure": one.failure and asdict(one.failure),
        "charged_micro_usd": one.charged,
        "report": said,
        "candidates": [_candidate_json(candidate, portrait) for candidate in one.candidates],
        "undelivered": list(undelivered(one)),
    }


def _candidate_json(one: Candidate, portrait: Portrait) -> dict[str, Any]:
    text = portrait.texts.get(one.picture.digest) if one.picture else None
    return asdict(one) | ({} if text is None else {"text": text})


def event_line(event: EventRecord) -> str:
    """Return one event as a line."""
    known = {name: value for name, value in event.data.items() if value is not None}
    data = "  ".join(f"{name}={_short(value)}" for name, value in known.items())
    at = event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{at}  {event.address or event.run}  {event.kind}" + (f"  {data}" if data else "")


def _short(value: Any) -> str:
    """Cut what only programs need: `log --json` has it whole."""
    match value:
        case {"digest": str(digest)}:
            return digest[:12]
        case {"code": str(code), "message": str(message)}:
            return f"{code}: {message}"
        case dict():
            told = (f"{name} {_short(one)}" for name, one in value.items() if one is not None)
            return ", ".join(told) or "nothing"
        case list():
            return str(len(value))
        case str() if len(value) == _DIGEST_LENGTH and " " not in value:
            return value[:12]
        case _:
            return str(value)


def event_json_line(event: EventRecord) -> str:
    """Return one event as a line of JSON."""
    content = {**asdict(event), "at": event.at.isoformat(), "data": dict(event.data)}
    return json.dumps(content, ensure_ascii=False)
