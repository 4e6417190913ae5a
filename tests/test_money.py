"""Money is an exact integer: read from text and floats as they print, shown as dollars."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.money import NOTHING, MicroUsd, format_price, format_usd, usd


@pytest.mark.parametrize(
    ("amount", "micro"),
    [
        ("0", 0),
        ("0.30", 300_000),
        (0.3, 300_000),
        (0.1, 100_000),
        (5, 5_000_000),
        ("5.00", 5_000_000),
        (Decimal("0.0688"), 68_800),
        ("0.000001", 1),
        (1e-06, 1),
        ("74.87", 74_870_000),
        ("1e3", 1_000_000_000),
    ],
)
def test_usd(amount: str | float | Decimal, micro: int) -> None:
    """An amount is what it prints as; no float's dust comes in."""
    assert usd(amount) == micro


@pytest.mark.parametrize(
    "amount",
    [
        "",
        "five",
        "$5",
        "1,50",
        "-0.01",
        -1,
        "0.0000001",
        0.1 + 0.2,
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        float("nan"),
        float("inf"),
        True,
        Decimal("NaN"),
    ],
)
def test_not_an_amount(amount: str | float | Decimal) -> None:
    """Negative, endless or too fine amounts are errors, never rounded; the message quotes them."""
    with pytest.raises(ValueError, match="not an amount in dollars") as raised:
        usd(amount)

    assert repr(amount) in str(raised.value)


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (68_800, "$0.0688"),
        (300_000, "$0.30"),
        (1_000_000, "$1.00"),
        (1_234_560_000, "$1234.56"),
        (-300_000, "-$0.30"),
        (-1, "-$0.000001"),
    ],
)
def test_format_usd(micro: int, text: str) -> None:
    """Two decimals, more only where the amount has them; the sign stands before the dollar."""
    assert format_usd(MicroUsd(micro)) == text


def test_unknown_is_never_zero() -> None:
    """A price that no source documents is a word."""
    assert format_price(None) == "unknown"
    assert format_price(NOTHING) == "$0.00"


@given(st.integers(min_value=0, max_value=10**15))
def test_round_trip(micro: int) -> None:
    """What is shown reads back as the same amount."""
    assert usd(format_usd(MicroUsd(micro)).removeprefix("$")) == micro


@given(st.integers(min_value=0, max_value=10**8))
def test_a_float_is_read_as_it_prints(cents: int) -> None:
    """YAML gives floats for prices; whole cents survive it."""
    assert usd(cents / 100) == cents * 10_000
