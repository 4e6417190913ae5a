"""The calls that would buy a resource now; what is not known before has placeholders."""

from reconciler.ids import Address, CandidateNumber, ProviderName, TaskId
from reconciler.plan.actions import Action
from reconciler.project import Project
from reconciler.providers.check import ancestors
from reconciler.providers.protocol import HttpCall, Lineage, Order, ParentTask, Provider
from reconciler.purchase import Purchase
from reconciler.spec.load import Specs
from reconciler.spec.request import is_local
from reconciler.spec.resource import Resource

_NOT_BOUGHT_YET = TaskId("<task id of {}>")


def sendings(
    project: Project,
    specs: Specs,
    resource: Resource,
    action: Action | None,
    takes: tuple[Purchase, ...],
) -> tuple[HttpCall, ...]:
    """Return the submission, and the second step; none for what is made here."""
    adapter = project.adapters().get(_maker(specs, resource, action, takes))
    if adapter is None or is_local(resource.request):
        return ()
    above = tuple(one.request for one in ancestors(resource, specs.resources))
    tasks = tuple(one for one in above if not is_local(one))
    if any(adapter.issues(resource.request, above)):
        return ()
    links = {one.digest: f"<link of {one.path}>" for one in resource.files if one.digest}
    order = Order(resource.request, _parent(specs, resource, adapter, tasks), tasks, links)
    first = next(adapter.submit(order))
    if not adapter.has_second_step(resource.request):
        return (first,)
    task = TaskId(_NOT_BOUGHT_YET.format(resource.address))
    return first, next(adapter.go_on(task, order))


def _maker(
    specs: Specs, resource: Resource, action: Action | None, takes: tuple[Purchase, ...]
) -> ProviderName:
    """Return who makes it, or made it."""
    if action is not None and action.provider is not None:
        return action.provider
    root = [resource, *ancestors(resource, specs.resources)][-1]
    return takes[-1].provider if takes else root.provider


def _parent(
    specs: Specs, resource: Resource, adapter: Provider, tasks: Lineage
) -> ParentTask | None:
    """Return the task that it starts from at the provider, with placeholders."""
    start = resource
    candidate = None
    while start.parent is not None:
        candidate = start.parent.candidate or _pick(specs, start) or CandidateNumber(1)
        start = specs.resources[start.parent.address]
        if not is_local(start.request):
            break
    if candidate is None:
        return None
    name = f"{start.address}@{candidate}"
    first = adapter.prerequisite(resource.request, tasks)
    task = start.address if first is None else Address(f"{start.address}.@{candidate}")
    number = candidate if first is None else CandidateNumber(1)
    handle = f"<handle of {task}>"
    return ParentTask(TaskId(_NOT_BOUGHT_YET.format(task)), number, f"<link of {name}>", handle)


def _pick(specs: Specs, resource: Resource) -> CandidateNumber | None:
    return specs.resources[resource.parent.address].pick if resource.parent else None
