"""A conductor with everything around it, for tests: a state directory, a root of its own, a clock that stands."""

from datetime import datetime, timedelta
from pathlib import Path

from ca import self_signed
from ca.authority import Authority
from ca.rollover.conductor import Conductor, Parts
from ca.rollover.holders import Holder, Holding, signer_of
from ca.rollover.ledger import Ledger
from ca.rollover.seats import DirectorySeat
from ca.rollover.store import DirectoryRolloverStore, WaitedFor, recover
from ca.state_directory import StateDirectory
from tests.ca.makers import APP, NOON

WEB = Holder(APP, "web-1.demo")


class Nobody:
    """No proxy reports."""

    def connected(self) -> frozenset[Holder]:
        return frozenset()


class Podium:
    """One life of a control plane on a state directory."""

    def __init__(self, path: Path, state: StateDirectory | None = None) -> None:
        self.now = NOON
        self.path = path
        self.state = state or StateDirectory(path)
        rollover = recover(self.state)
        bundle = self_signed.load_or_create(
            self.state, "cluster.local", now=self.clock(), new_serial=lambda: 5, rsa_bits=2048
        )
        self.authority = Authority(bundle, clock=self.clock)
        self.ledger = Ledger(self.state)
        self.ledger.open(bundle, timedelta(days=90), self.clock())
        store = WaitedFor(DirectoryRolloverStore(self.state))
        parts = Parts(self.authority, store, self.ledger, Nobody(), timedelta(days=3650))
        self.conductor = Conductor(parts, DirectorySeat(self.state), rollover)

    def clock(self) -> datetime:
        return self.now

    def holds(self, *, of_present_root: bool = True) -> None:
        """`WEB` takes over what is in force now; or it has a certificate of nobody's."""
        bundle = self.authority.bundle
        if of_present_root:
            self.ledger.issued(WEB, bundle, self.now + timedelta(hours=24))
        else:
            self.ledger.put(WEB, Holding(signer_of(bundle), (), int(self.now.timestamp()) + 86400))
