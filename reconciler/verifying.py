"""Every owned picture re-read: damage is set aside, fetched again while links live, or priced."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.applying import Desk, apply
from reconciler.assets.objects import Integrity, ObjectStore
from reconciler.engine.outcome import Ending, RunResult
from reconciler.errors import ExitCode
from reconciler.ids import Address, CandidateNumber, Digest
from reconciler.money import format_price
from reconciler.plan.actions import Action, Reason, Verb
from reconciler.planning import Wish, planned
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.state.lock import RunLock
from reconciler.state.store import Store
