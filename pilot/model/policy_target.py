"""What a policy names to say where it belongs, besides labels. Pure data."""

from pilot.model.objects import Message


class PolicyTargetReference(Message, frozen=True):
    """`PolicyTargetReference`: an object of the policy's own namespace."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    """Empty means that of the policy; nothing else is valid."""
