"""Who signs: an operator's CA where one is plugged in, else a root of our own; and what keeps that current.

In: settings, the cluster where there is one: then the root lies in a Secret there, else in the state directory. Out: a
`Signing`: the authority, tasks to run beside it, and the parts that change its root. Puts parts of `ca` together; signs
nothing itself. Source: certificate authority behaviour 1.7, 1.8, 1.10.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

from ca import plugged_in, self_signed
from ca.authn.local_issuer import utc_now
from ca.authority import Authority, random_serial
from ca.bundle import Bundle
from ca.errors import KubernetesError, RolloverError, StateError
from ca.kubernetes_api import KubernetesApi
from ca.kubernetes_root import SecretRootStore, copy_plugged_in
from ca.reload import PluggedInReload
from ca.rollover import stages, store
from ca.rollover.conductor import Conductor, Parts
from ca.rollover.control import ControlSocket
from ca.rollover.following import Followers
from ca.rollover.ledger import Ledger
from ca.rollover.replicas import Replicas
from ca.rollover.seats import DirectorySeat
from ca.rollover.secret_store import SecretRolloverStore
from ca.rollover.stages import Rollover
from ca.root_rotation import RootRotation, RotationPolicy
from ca.self_signed import DirectoryRootStore
from ca.spiffe import TrustDomain
from ca.state_directory import StateDirectory
from ca.template import LifetimePolicy
from pilot.lease import Election, lock_named
from pilot.settings import Kubernetes, Settings

LOCK = "meshpilot-root-rollover"
FORGET = 600.0
"""Seconds between two looks for certificates that have expired; arbitrary."""

_log = logging.getLogger("ca")


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs. `secret`: where a root of our own lies in Kubernetes; `state`: where it lies without that; neither: it
    is plugged in, and cannot be changed by command.
    """

    settings: Settings
    authority: Authority
    ledger: Ledger
    secret: SecretRootStore | None = None
    state: StateDirectory | None = None
    rollover: Rollover | None = None
    shared: "Shared | None" = None
    """Of a root in a Secret: what changing it needs; None where the API server does not let us."""

    def tasks(self, followers: Followers) -> list[Coroutine[None, None, None]]:
        """What keeps it current; each ends only by cancellation."""
        limits, authority = self.settings.certificates, self.authority
        policy = RotationPolicy(
            limits.root_check_interval, limits.root_grace_percent, limits.root_check_jitter, limits.root_ttl
        )
        if self.secret is not None:
            if self.shared is not None:
                return self._of_secret(self.secret, self.shared, followers, policy)
            renewal = RootRotation(authority, self.secret, policy).serve_rotation()
            why = "the root lies in a Secret, and ConfigMaps beside it cannot be used: see this control plane's log"
            return [renewal, *self._watching(followers, why)]
        if self.state is None:
            reload = PluggedInReload(
                authority,
                limits.plugged_in_dir,
                is_multi_root=limits.is_multi_root,
                with_revocations=limits.with_revocations,
            )
            return [reload.serve_reload(), *self._watching(followers, "the CA is plugged in")]
        parts = Parts(
            authority,
            store.WaitedFor(store.DirectoryRolloverStore(self.state)),
            self.ledger,
            followers,
            limits.root_ttl,
            limits.root_rsa_bits,
        )
        conductor = Conductor(parts, DirectorySeat(self.state), self.rollover)
        roots = DirectoryRootStore(self.state, authority.clock)
        rotation = RootRotation(authority, roots, policy, is_held=lambda: conductor.is_busy)
        control = ControlSocket(conductor, self.state.path)
        return [rotation.serve_rotation(), conductor.serve(), control.serve()]

    def _of_secret(
        self, secret: SecretRootStore, shared: "Shared", followers: Followers, policy: RotationPolicy
    ) -> list[Coroutine[None, None, None]]:
        """Several replicas share the root; the elected one conducts its change."""
        limits, authority, replicas = self.settings.certificates, self.authority, shared.replicas
        replicas.take_seat(followers, lambda: shared.election.is_leading)
        parts = Parts(authority, shared.store, replicas, replicas, limits.root_ttl, limits.root_rsa_bits)
        conductor = Conductor(parts, replicas, self.rollover)
        rotation = RootRotation(authority, secret, policy, is_held=lambda: conductor.is_busy)
        control = ControlSocket(conductor, StateDirectory(self.settings.state_dir).path)
        leading = shared.election.lead(_as_long_as_we_may)
        return [rotation.serve_rotation(), conductor.serve(), control.serve(), leading]

    def _watching(self, followers: Followers, why: str) -> list[Coroutine[None, None, None]]:
        """For a root that is not ours to change: who asks is told what it is, and why it is not changed."""
        authority, state = self.authority, StateDirectory(self.settings.state_dir)
        parts = Parts(authority, store.FixedRoot(why), self.ledger, followers, self.settings.certificates.root_ttl)
        control = ControlSocket(Conductor(parts, DirectorySeat(state), None), state.path)
        return [control.serve(), _forget(self.ledger, authority)]


@dataclass(frozen=True, slots=True)
class Shared:
    """What changing a root in a Secret needs."""

    store: SecretRolloverStore
    replicas: Replicas
    election: Election


async def _of_secret(settings: Settings, api: KubernetesApi, secret: SecretRootStore, authority: Authority) -> Signing:
    """With what changing the root needs; without, and with a line in the log, where that cannot be had.

    Raises: BundleError.
    """
    features, limits, bundle = settings.features, settings.certificates, authority.bundle
    us = settings.kubernetes or Kubernetes()
    name, space = us.pod_name.lower() or "unknown", features.system_namespace
    ledger = Ledger(StateDirectory(settings.state_dir))
    kept = SecretRolloverStore(api, lambda: secret.path)
    replicas = Replicas(api, space, name, ledger, limits.max_ttl, utc_now)
    try:
        await replicas.join(bundle)
        found = await kept.load()
    except (KubernetesError, RolloverError, StateError) as error:  # certificates are signed nevertheless
        _log.warning(f"the root cannot be changed by command: {error}")
        ledger.close()
        return Signing(settings, authority, Ledger(), secret)
    if found is not None and not found.is_over:
        authority.replace(stages.bundle_of(found, now=utc_now()))  # it may be newer than what was read before
    election = Election(api, lock_named(LOCK, space, name, features.revision), enabled=us.elects)
    return Signing(settings, authority, ledger, secret, None, found, Shared(kept, replicas, election))


async def _as_long_as_we_may() -> None:
    """The conductor looks itself whether it leads."""
    await asyncio.Event().wait()


async def _forget(ledger: Ledger, authority: Authority) -> None:
    """Certificates that have expired; ends only by cancellation."""
    while True:
        await asyncio.sleep(FORGET)
        ledger.compact(authority.clock())


async def choose(settings: Settings, domain: TrustDomain, api: KubernetesApi | None = None) -> Signing:
    """An operator's CA if one is plugged in, else our own root, made where there is none. Raises: CaError."""
    limits = settings.certificates
    if limits.copies_remote and api is not None:
        await copy_plugged_in(api, settings.features.system_namespace, limits.plugged_in_dir)
    policy = LifetimePolicy(limits.default_ttl, limits.max_ttl)
    if plugged_in.is_plugged_in(limits.plugged_in_dir, holds_self_signed=limits.holds_self_signed):
        bundle = await asyncio.to_thread(
            plugged_in.load, limits.plugged_in_dir, now=utc_now(), with_revocations=limits.with_revocations
        )
        _log.info(f"certificates are signed by the CA plugged in at {limits.plugged_in_dir}")
        return Signing(settings, Authority(bundle, _cut(policy, bundle)), Ledger())
    if api is not None:
        secret = SecretRootStore(
            api,
            settings.features.system_namespace,
            utc_now,
            uses_plugged_in_secret=limits.holds_self_signed,
            extra_roots=await asyncio.to_thread(_mounted_roots, limits.plugged_in_dir),
        )
        bundle = await secret.load_or_create(
            str(domain), new_serial=random_serial, lifetime=limits.root_ttl, rsa_bits=limits.root_rsa_bits
        )
        return await _of_secret(settings, api, secret, Authority(bundle, policy))
    state = StateDirectory(settings.state_dir)
    rollover = await asyncio.to_thread(store.recover, state)
    bundle = await asyncio.to_thread(
        self_signed.load_or_create,
        state,
        str(domain),
        now=utc_now(),
        new_serial=random_serial,
        lifetime=limits.root_ttl,
        rsa_bits=limits.root_rsa_bits,
    )
    ledger = Ledger(state)
    ledger.open(bundle, policy.maximum, utc_now())
    return Signing(settings, Authority(bundle, policy), ledger, None, state, rollover)


def _cut(policy: LifetimePolicy, bundle: Bundle) -> LifetimePolicy:
    """Where nothing is asked for, a leaf lives no longer than its plugged-in issuer has to live now."""
    return replace(policy, default=min(policy.default, bundle.certificate.not_valid_after_utc - utc_now()))


def _mounted_roots(directory: Path) -> str:
    """Roots that are trusted beside a self-signed one; empty where none are mounted."""
    try:
        return (directory / plugged_in.NATIVE.roots).read_text()
    except (OSError, UnicodeError):
        return ""
