"""Who may list Secrets, asked of the API server: SubjectAccessReviews, made when a proxy first wants a Secret.

In: identities that want Secrets. Out: events that say the answer in the model's own words, a role and a binding for
each; until there is one, `is_known` says that the proxy has to wait. An answer is good for five minutes if it was yes,
for one if it was no; then it is asked again while somebody uses it. A server that does not answer changes nothing.
Source: Kubernetes controllers behaviour 6.6 (credentials); xDS behaviour 1.11.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ca.errors import KubernetesError
from ca.kubernetes_api import KubernetesApi
from pilot.model.access_control import PolicyRule, Role, RoleBinding, RoleRef, Subject
from pilot.model.objects import Event, Metadata

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
ALLOWED_FOR, DENIED_FOR, FAILED_FOR = 300.0, 60.0, 2.0
"""Seconds an answer is good for; after which a question without one is asked again."""
AT_A_TIME = 8
_IDENTITY = re.compile(r"spiffe://[^/]+/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)")
_ROLE = "list-secrets"

Account = tuple[str, str]
"""Namespace and name of a service account."""

_log = logging.getLogger("sds")


@dataclass(slots=True)
class _Answer:
    """`allowed` is None before the first one."""

    allowed: bool | None = None
    good_until: float = 0.0
    is_used: bool = True


class SecretAccess:
    """The accounts of one cluster."""

    def __init__(self, api: KubernetesApi, clock: Callable[[], float] | None = None) -> None:
        self._api = api
        self._clock = clock or asyncio.get_running_loop().time
        self._answers: dict[Account, _Answer] = {}
        self._wanted = asyncio.Event()
        self._turns = asyncio.Semaphore(AT_A_TIME)

    def is_known(self, identity: str) -> bool:
        """Whether the answer for a SPIFFE id is known; if not, it will be asked for. True for what is no account."""
        found = _IDENTITY.fullmatch(identity)
        if found is None:
            return True
        account = found["namespace"], found["account"]
        answer = self._answers.get(account)
        if answer is None:
            answer = self._answers[account] = _Answer()
            self._wanted.set()
        answer.is_used = True
        return answer.allowed is not None

    async def serve(self, take: Callable[[tuple[Event, ...]], None]) -> None:
        """Asks, and asks again; `take` gets what changed. Ends only by cancellation."""
        take((Event(_nobody().key, _nobody()),))
        while True:
            self._wanted.clear()
            due = [account for account, answer in self._answers.items() if answer.good_until <= self._clock()]
            async with asyncio.TaskGroup() as group:
                for account in due:
                    group.create_task(self._ask(account, take))
            soonest = min((each.good_until for each in self._answers.values()), default=self._clock() + DENIED_FOR)
            try:
                async with asyncio.timeout(max(0.05, soonest - self._clock())):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _ask(self, account: Account, take: Callable[[tuple[Event, ...]], None]) -> None:
        answer = self._answers[account]
        if answer.allowed is not None and not answer.is_used:
            del self._answers[account]  # who comes back has to wait for a new one, and that is a change again
            take((Event(_binding(account, False).key, None),))
            return
        try:
            async with self._turns:
                allowed = await self._review(account)
        except KubernetesError as error:
            _log.warning(f"whether {account[0]}/{account[1]} may list secrets is not known: {error}")
            answer.good_until = self._clock() + FAILED_FOR
            return
        answer.good_until = self._clock() + (ALLOWED_FOR if allowed else DENIED_FOR)
        answer.is_used = False
        if allowed != answer.allowed:
            answer.allowed = allowed
            take(tuple(_events(account, allowed)))

    async def _review(self, account: Account) -> bool:
        namespace, name = account
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        asked = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{name}",
                "groups": groups,
                "resourceAttributes": {"namespace": namespace, "verb": "list", "resource": "secrets"},
            },
        }
        found = await self._api.call("POST", REVIEWS, asked)
        status = found.get("status") if isinstance(found, dict) else None
        return isinstance(status, dict) and status.get("allowed") is True and not status.get("denied")


def _events(account: Account, allowed: bool) -> Iterator[Event]:
    """The answer as Kubernetes would have written it. One that was refused is a binding of nobody: a change, too."""
    rule = PolicyRule(api_groups=("",), resources=("secrets",), verbs=("list",))
    role = Role(metadata=Metadata(name=_ROLE, namespace=account[0]), rules=(rule,))
    yield Event(role.key, role)
    binding = _binding(account, allowed)
    yield Event(binding.key, binding)


def _binding(account: Account, allowed: bool) -> RoleBinding:
    namespace, name = account
    subjects = (Subject("ServiceAccount", name, namespace),) if allowed else ()
    made = Metadata(name=f"{_ROLE}-{name}", namespace=namespace)
    return RoleBinding(metadata=made, role_ref=RoleRef(Role.KIND, _ROLE), subjects=subjects)


def _nobody() -> RoleBinding:
    """A binding that gives nothing: from it on, who is not in one may nothing."""
    return RoleBinding(metadata=Metadata(name=f"{_ROLE}-nobody", namespace="kube-system"))
