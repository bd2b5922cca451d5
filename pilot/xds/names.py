"""One object for equal sets of names, for as long as anybody holds it.

In: the names one stream asks for. Out: the same names, as the object that other streams hold already. A thousand
sidecars ask for the same thousand endpoints: they share one set, and what is computed for it is found by identity.
"""

from weakref import WeakKeyDictionary, ref


class Names:
    """Remembers sets by value without keeping them alive."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[frozenset[str], ref[frozenset[str]]] = WeakKeyDictionary()

    def __len__(self) -> int:
        """Different sets that somebody holds."""
        return len(self._known)

    def same(self, names: frozenset[str]) -> frozenset[str]:
        """The object that stands for these names."""
        known = self._known.get(names)
        held = known() if known is not None else None
        if held is None:
            self._known[names] = ref(names)
            return names
        return held
