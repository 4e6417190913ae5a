"""Walking along key paths through the plain values of a YAML document."""

from typing import Any, Final

from reconciler.spec.resource import KeyPath

NOTHING: Final = object()
"""Stands where a path leads nowhere; null is a value."""


def node_at(node: Any, path: KeyPath) -> Any:
    """Return what stands under a path, or NOTHING."""
    for step in path:
        node = _child(node, step)
    return node


def existing(node: Any, path: KeyPath) -> KeyPath:
    """Return the longest part of a path, from its start, that leads to something."""
    for length, step in enumerate(path):
        node = _child(node, step)
        if node is NOTHING:
            return path[:length]
    return path


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(step, NOTHING)
    if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
        return node[step]
    return NOTHING
