"""What the adapters' tables say, as texts: for `reconcile providers` and for the documentation."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

from reconciler.money import format_price
from reconciler.providers.capabilities import Ability, Input
from reconciler.providers.protocol import Provider
from reconciler.spec.request import Operation

NOT_OFFERED = "–"
_SINGLE_PICTURE = "cut out here, free"
Row = tuple[str, ...]


def word(provider: Provider, operation: Operation) -> str:
    """Return what an operation is called at a provider; `single` is made here, whoever has it."""
    if operation is Operation.SINGLE:
        return _SINGLE_PICTURE
    ability = provider.can.operations.get(operation)
    return ability.wire if ability else NOT_OFFERED


def cost(provider: Provider, operation: Operation) -> str:
    """Return what one task costs, from the cheapest to the dearest documented row."""
    ability = provider.can.operations.get(operation)
    if ability is None or not ability.bills:
        return "" if ability is None else "as its source"
    rows = provider.can.prices.rows.items()
    prices = [price for key, price in rows if re.split(r"[-.]", key)[0] in ability.bills]
    known = sorted({price for price in prices if price is not None})
    spread = " to ".join(dict.fromkeys(format_price(one) for one in (known[:1] + known[-1:])))
    return spread or format_price(None)


def overview(providers: Collection[Provider]) -> Iterator[Row]:
    """Yield each operation's word and price at each of the providers."""
    for one in Operation:
        yield one.value, *(_word_and_cost(each, one) for each in providers)


def _word_and_cost(provider: Provider, operation: Operation) -> str:
    is_free = operation is Operation.SINGLE
    parts = (word(provider, operation), "" if is_free else cost(provider, operation))
    return ": ".join(part for part in parts if part)


def starts(ability: Ability) -> str:
    """Return what an operation starts from: nothing, or the results of others."""
    after = ", ".join(one for one in Operation if one in ability.follows)
    return f"{'anew; ' if ability.is_root and after else ''}{after and f'after {after}'}" or "anew"


def input_rows(ability: Ability) -> Iterator[Row]:
    """Yield our name, the API's, the limits and the remark of each field."""
    for one in ability.inputs:
        yield one.name, one.wire, one.limits(), _remarks(one)


def _remarks(one: Input) -> str:
    parts = (
        one.remark,
        one.otherwise,
        f"{one.limit_of}'s limit" if one.limit_of else "",
        f"only with {one.acts_on}" if one.acts_on else "",
        "each with a weight" if one.weighted else "",
    )
    return "; ".join(part for part in parts if part)


def facts(provider: Provider) -> Iterator[Row]:
    """Yield what to know about an account there, as pairs."""
    can = provider.can
    yield "result links live", _span(can.link_lifetime)
    yield "tasks can be followed up", _span(can.task_lifetime)
    yield "local pictures", _uploads(can.upload_lifetime)
    yield "a failed task costs", "nothing" if can.refunds_failures else "not documented"
    yield "assumed requests a minute", f"{can.requests_per_minute}"
    yield "assumed tasks at once", f"{can.concurrent}"
    yield "prices as of", can.prices.as_of.isoformat()
    yield "prices from", can.prices.source


def _span(time: timedelta | None) -> str:
    return "no end documented" if time is None else f"{time // timedelta(hours=1)} hours"


def _uploads(lifetime: timedelta | None) -> str:
    return "need `publish:`" if lifetime is None else f"are uploaded, and kept {_span(lifetime)}"


def price_rows(provider: Provider) -> Iterator[Row]:
    """Yield each price key with what it costs."""
    for key, price in provider.can.prices.rows.items():
        yield key, format_price(price)


def as_json(provider: Provider) -> dict[str, Any]:
    """Return everything above for programs; money in micro-dollars, times in seconds."""
    can = provider.can
    return {
        "name": provider.name,
        "operations": {one.value: _ability_json(can.operations[one]) for one in can.operations},
        "link_lifetime_s": can.link_lifetime.total_seconds(),
        "task_lifetime_s": can.task_lifetime and can.task_lifetime.total_seconds(),
        "upload_lifetime_s": can.upload_lifetime and can.upload_lifetime.total_seconds(),
        "refunds_failures": can.refunds_failures,
        "requests_per_minute": can.requests_per_minute,
        "concurrent": can.concurrent,
        "prices": {
            "source": can.prices.source,
            "as_of": can.prices.as_of.isoformat(),
            "micro_usd": dict(can.prices.rows),
        },
    }


def _ability_json(ability: Ability) -> dict[str, Any]:
    return {
        "wire": ability.wire,
        "is_root": ability.is_root,
        "follows": [one.value for one in Operation if one in ability.follows],
        "inputs": [_input_json(one) for one in ability.inputs],
        "remark": ability.remark or None,
        "source": ability.source,
    }


def _input_json(one: Input) -> dict[str, Any]:
    return {
        "field": one.name,
        "wire": one.wire,
        "limits": one.limits() or None,
        "remark": _remarks(one) or None,
    }


def page(providers: Mapping[str, Provider]) -> str:
    """Return the documentation's page on who can do what."""
    lines = [*_overview(providers)]
    for kind, provider in providers.items():
        lines += _chapter(kind, provider)
    return "\n".join(lines) + "\n"


def _overview(providers: Mapping[str, Provider]) -> Iterator[str]:
    yield "# Who can do what"
    yield ""
    yield "Made from the adapters' tables by `reconcile providers --page`; a test keeps it fresh."
    yield "One word in a spec means the same everywhere; this is what each API calls it."
    yield ""
    names = [provider.name for provider in providers.values()]
    yield from _table(("spec", *names), overview(providers.values()))


def _chapter(kind: str, provider: Provider) -> Iterator[str]:
    yield from ("", f"## {provider.name}", "")
    yield f"`type: {kind}`; the sections are those of [our page on it]({kind}.md)."
    yield ""
    yield from _table(("", ""), facts(provider))
    for operation, ability in provider.can.operations.items():
        yield from ("", f"### {provider.name}: `{operation.value}`", "")
        yield f"There: {ability.wire} ({ability.source}). Starts: {starts(ability)}."
        if ability.remark:
            yield f"{ability.remark[0].upper()}{ability.remark[1:]}."
        if ability.inputs:
            yield ""
            yield from _table(("field", "there", "limits", ""), input_rows(ability))
    yield from ("", f"### {provider.name}: prices", "")
    yield from _table(("key", "one task"), price_rows(provider))


def _table(head: Row, rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
