"""Money as an integer number of micro-dollars: sums are exact, nothing is a float."""

from decimal import Decimal, InvalidOperation
from typing import NewType

MicroUsd = NewType("MicroUsd", int)
"""A millionth of a US dollar."""

_MICRO = 1_000_000
NOTHING = MicroUsd(0)


def usd(amount: str | float | Decimal) -> MicroUsd:
    """Return an amount in dollars as micro-dollars; a float is read as it prints (0.3 is 0.3).

    Raises ValueError when it is negative, not a number, or finer than a micro-dollar.
    """
    try:
        micro = Decimal(str(amount)) * _MICRO
    except InvalidOperation:
        raise ValueError(f"not an amount in dollars: {amount!r}") from None
    if not micro.is_finite() or micro < 0 or micro != micro.to_integral_value():
        raise ValueError(f"not an amount in dollars: {amount!r}")
    return MicroUsd(int(micro))


def format_usd(amount: MicroUsd) -> str:
    """Return `$0.30`: two decimals, more only where the amount has them."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), _MICRO)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole}.{decimals}"


def format_price(amount: MicroUsd | None) -> str:
    """Return the amount, or `unknown` where no source documents it; unknown is never zero."""
    return "unknown" if amount is None else format_usd(amount)
