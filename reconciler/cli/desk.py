"""Who stands in front of an apply: a person who is shown and asked, or a program."""

import sys
from contextlib import AbstractContextManager, nullcontext

import click

from reconciler.cli.console import colour, say
from reconciler.cli.reporters import JsonReporter, PlainReporter
from reconciler.cli.summary import summary_json, summary_lines
from reconciler.engine.outcome import RunResult
from reconciler.engine.progress import Reporter
from reconciler.errors import ExitCode, UsageError
from reconciler.money import format_usd
from reconciler.plan import render
from reconciler.plan.actions import Plan, Tally, Verb
from reconciler.project import Project
from reconciler.purchase import Purchase


class _Desk:
    """What both share: the rule of when somebody must agree."""

    def __init__(self, project: Project, *, assume_yes: bool) -> None:
        self._project = project
        self._assume_yes = assume_yes

    def _costs_money(self, plan: Plan) -> bool:
        """Whether the plan spends anything real: the sandbox's money is not."""
        providers = self._project.config.providers
        buys = [action for action in plan.actions if action.verb is Verb.BUY]
        return any(one.provider and not providers[one.provider].is_sandbox for one in buys)


class PersonDesk(_Desk):
    """Shows the plan, asks, shows progress, sums up."""

    def recovered(self, doubtful: list[Purchase]) -> None:
        """Say what an interrupted run left in doubt."""
        for purchase in doubtful:
            click.echo(
                f"{purchase.address}: an earlier run ended while this was being submitted; "
                f"it may have been paid: `reconcile resolve {purchase.address}`",
                err=True,
            )

    def see(self, plan: Plan) -> None:
        """Print the plan."""
        for line in render.lines(plan, paint=colour):
            say(line)
        if self._project.is_rehearsal and plan.work():
            say("A rehearsal: the sandbox draws these pictures, nothing is spent.")

    def approves(self, plan: Plan) -> bool:
        """Ask if it spends money and nobody said yes already."""
        if self._assume_yes or not self._costs_money(plan):
            return True
        return _ask(plan.tally())

    def watch(self, plan: Plan) -> AbstractContextManager[Reporter]:
        """Return a live screen in a terminal, plain lines elsewhere."""
        if sys.stderr.isatty():
            from reconciler.cli.live import LiveReporter

            return LiveReporter(plan.tally())
        return nullcontext(PlainReporter())

    def conclude(self, result: RunResult | None) -> int:
        """Print the summary; return the exit code."""
        if result is None:
            say("Nothing was bought.")
            return ExitCode.ERROR
        for line in summary_lines(result, self._project):
            say(line)
        return result.exit_code()


class JsonDesk(_Desk):
    """One JSON object per event on standard output; nobody is asked."""

    def recovered(self, doubtful: list[Purchase]) -> None:
        """Say nothing: the plan lists doubts."""

    def see(self, plan: Plan) -> None:
        """Print the plan as the first event."""
        click.echo(_line({"event": "plan", "plan": render.as_json(plan)}))

    def approves(self, plan: Plan) -> bool:
        """Refuse to spend money without --yes."""
        if not self._assume_yes and self._costs_money(plan):
            raise _needs_yes(plan.tally())
        return True

    def watch(self, plan: Plan) -> AbstractContextManager[Reporter]:  # noqa: ARG002 - the protocol
        """Return the event printer."""
        return nullcontext(JsonReporter())

    def conclude(self, result: RunResult | None) -> int:
        """Print the last event; return the exit code."""
        if result is None:
            return ExitCode.ERROR
        click.echo(_line({"event": "summary", **summary_json(result, self._project)}))
        return result.exit_code()


class SilentDesk:
    """For runs that only fetch: nobody is asked, steps go to standard error."""

    def recovered(self, doubtful: list[Purchase]) -> None:
        """Say nothing: the plan lists doubts."""

    def see(self, plan: Plan) -> None:
        """Say nothing: what is fetched is told as it comes."""

    def approves(self, plan: Plan) -> bool:
        """Agree to whatever costs nothing."""
        return not any(action.verb is Verb.BUY for action in plan.actions)

    def watch(self, plan: Plan) -> AbstractContextManager[Reporter]:  # noqa: ARG002 - the protocol
        """Return the line printer."""
        return nullcontext(PlainReporter())


def _line(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _ask(tally: Tally) -> bool:
    if not sys.stdin.isatty():
        raise _needs_yes(tally)
    unknown = f" and {tally.unpriced} at an unknown price" if tally.unpriced else ""
    return click.confirm(f"\nSpend {format_usd(tally.price)}{unknown}?", default=False)


def _needs_yes(tally: Tally) -> UsageError:
    return UsageError(
        f"this would spend {format_usd(tally.price)}, and there is no terminal to ask on",
        details=("nothing was sent",),
        hint="look at `reconcile plan`, then say `reconcile apply --yes`",
    )
