"""How a run ended, for people and for programs: what was bought, and each failure at its line."""

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.engine.outcome import Ending, Outcome, RunResult, spent
from reconciler.looking import Vendors, remark, vendors_of
from reconciler.money import format_usd
from reconciler.plan.actions import Verb
from reconciler.plan.offers import undelivered
from reconciler.project import Project
from reconciler.spec.diagnostics import Diagnostic, locate, render
from reconciler.spec.whence import whence

_QUIET = (Ending.DONE, Ending.BLOCKED, Ending.INTERRUPTED)
_SHOWN = 20
_NAMED = 8


def summary_lines(result: RunResult, project: Project) -> Iterator[str]:
    """Yield the failures with their lines, then one line of sums."""
    troubled = [one for one in result.outcomes if one.ending not in _QUIET]
    if not result.outcomes:
        return
    yield ""
    groups = _by_cause(troubled)
    for first, *others in groups[:_SHOWN]:
        yield from _trouble(first, project)
        if others:
            yield f"The same: {_listed([one.address for one in others])}."
        yield ""
    if len(groups) > _SHOWN:
        yield f"… and {len(groups) - _SHOWN} more; `reconcile status` lists all."
    yield from _shortfalls(result, vendors_of(project))
    yield _sums(result)
    if result.interrupted:
        yield _interrupted(result)
    if any(one.ending is Ending.DONE for one in result.outcomes):
        yield f"Pictures: {project.assets_path}"


def _interrupted(result: RunResult) -> str:
    """Say what is paid and goes on at the provider while nobody watches."""
    purchases = [one.purchase for one in result.outcomes if one.purchase is not None]
    flying = [one for one in purchases if one.phase.is_in_flight]
    if not flying:
        return "Interrupted. No task is in flight; the next apply goes on from here."
    names = _listed([one.address for one in flying])
    return (
        f"Interrupted. In flight, for {format_usd(spent(flying))}, and on record: {names}. "
        "The next apply brings them home."
    )


def _shortfalls(result: RunResult, vendors: Vendors) -> Iterator[str]:
    """Yield a note for each task that gave fewer pictures than such tasks do."""
    short = [(one, undelivered(one.purchase)) for one in result.outcomes if one.purchase]
    for outcome, missing in [pair for pair in short if pair[1]][:_SHOWN]:
        numbers = ", ".join(map(str, missing))
        noun = "candidate" if len(missing) == 1 else "candidates"
        why = remark(outcome.purchase, vendors)
        reason = f" ({why})" if why else ""
        yield (
            f"note: {outcome.address}: {noun} {numbers} not delivered{reason}; "
            "the task is paid as it is"
        )


def _by_cause(troubled: list[Outcome]) -> list[list[Outcome]]:
    """Put together what was not sent for one and the same reason: it is no fault of theirs."""
    groups: dict[str, list[Outcome]] = {}
    for one in troubled:
        is_shared = one.ending is Ending.NOT_SENT
        groups.setdefault(one.detail if is_shared else one.address, []).append(one)
    return list(groups.values())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _trouble(outcome: Outcome, project: Project) -> Iterator[str]:
    message = f"{outcome.address}: {outcome.ending}: {outcome.detail}"
    diagnostic = _diagnostic(outcome, project, message)
    if diagnostic is None:
        yield f"error: {message}"
        return
    yield from render([diagnostic])


def _diagnostic(outcome: Outcome, project: Project, message: str) -> Diagnostic | None:
    """Return the failure at the line that caused it: the prompt if that was refused."""
    resource = outcome.action.resource
    if resource is None:
        return None
    failure = outcome.purchase.failure if outcome.purchase else None
    moderated = failure is not None and failure.kind.is_moderated
    place = whence(project.root, project.config, resource, ("prompt",) if moderated else ())
    return locate([place.problem(message, outcome.hint or None)], project.read)[0]


def _sums(result: RunResult) -> str:
    """Return the last line: each ending once, with the money that went into it."""
    done = [one for one in result.outcomes if one.ending is Ending.DONE]
    bought = [one for one in done if not _is_free(one)]
    free = len(done) - len(bought)
    parts = [f"{len(bought)} bought for {_money(bought)}"] if bought else []
    parts += [f"{free} done for free"] if free else []
    parts += [_counted(result, ending) for ending in Ending if ending is not Ending.DONE]
    return f"Applied: {', '.join(filter(None, parts)) or 'nothing'}."


def _counted(result: RunResult, ending: Ending) -> str:
    count = sum(one.ending is ending for one in result.outcomes)
    paid = [one for one in result.bought() if one.ending is ending]
    return f"{count} {ending}{f' ({_money(paid)})' if paid else ''}" if count else ""


def _money(outcomes: Sequence[Outcome]) -> str:
    """Return the sum of what is known; what is unknown is never zero."""
    purchases = [one.purchase for one in outcomes if one.purchase is not None]
    unpriced = sum(one.price is None for one in purchases)
    known = format_usd(spent(purchases))
    return f"{known} plus {unpriced} at an unknown price" if unpriced else known


def _is_free(outcome: Outcome) -> bool:
    return outcome.action.verb is not Verb.BUY


def summary_json(result: RunResult, project: Project) -> dict[str, Any]:
    """Return the outcomes and sums; money in micro-dollars."""
    return {
        "exit_code": int(result.exit_code()),
        "interrupted": result.interrupted,
        "bought": len(result.bought()),
        "spent_micro_usd": result.spent(),
        "outcomes": [_outcome_json(one, project) for one in result.outcomes],
    }


def _outcome_json(outcome: Outcome, project: Project) -> dict[str, Any]:
    purchase = outcome.purchase
    failure = purchase.failure if purchase else None
    trouble = outcome.ending not in _QUIET
    place = _diagnostic(outcome, project, "") if trouble else None
    return {
        "address": outcome.address,
        "verb": outcome.action.verb.value,
        "ending": outcome.ending.name.lower(),
        "detail": outcome.detail or None,
        "hint": outcome.hint or None,
        "task_id": purchase.task_id if purchase else None,
        "price_micro_usd": purchase.price if purchase else None,
        "undelivered": list(undelivered(purchase)) if purchase else [],
        "remark": purchase.report.remark if purchase else None,
        "failure": failure and {"kind": failure.kind, "code": failure.code},
        "spec": place and {"file": place.file, "line": place.line, "column": place.column},
    }
