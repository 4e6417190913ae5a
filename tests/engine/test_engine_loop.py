"""The loop that coroutines run in: its threads hold up nobody at the end."""

import asyncio
import time

import pytest

from reconciler.engine.loop import run_loop


def test_a_thread_that_hangs_does_not_delay_the_end() -> None:
    """Such as a resolver that has no answer for half a minute."""

    async def leave_early() -> str:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.to_thread(time.sleep, 3)
        return "done"

    began = time.monotonic()
    assert run_loop(leave_early()) == "done"
    assert time.monotonic() - began < 1


def test_threads_give_their_results_and_errors() -> None:
    """As those of asyncio's own executor do."""

    async def both() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return await asyncio.to_thread(max, 1, 2)

    assert run_loop(both()) == 2
