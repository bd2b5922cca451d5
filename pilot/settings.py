"""Settings of the control plane: command-line flags and environment, read once at start.

In: parsed flags and the environment. Out: a frozen `Settings` and the warnings to log. Nothing else reads the
environment. Names, defaults and meaning are istiod's. Source: operations 6 (command line), 7 (environment).
"""

import os
import pathlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from ca.authn.forwarded import Network, parse_networks
from ca.authn.oidc import JwtRule, parse_rule
from ca.authn.signed_token import unproven_audience, unproven_issuer
from ca.serving_files import ServingPaths, well_known
from pilot import unsupported
from pilot.environment import parse_bool, parse_list, read
from pilot.model.duration import parse_duration
from pilot.model.features import Features
from pilot.operating import Operating, operating_from
from pilot.switches import FEATURES, features_from

SECOND = timedelta(seconds=1)
OWN_TOKEN = pathlib.Path("/var/run/secrets/tokens/istio-token")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the control plane listens: `host:port`, `:port` for every interface, empty for not at all."""

    http: str = ":8080"
    https: str = ":15017"
    grpc: str = ":15010"
    secure_grpc: str = ":15012"
    monitoring: str = ":15014"


@dataclass(frozen=True, slots=True)
class Tuning:
    """Pace and limits of the push engine and of gRPC."""

    debounce_after: timedelta = timedelta(milliseconds=100)
    debounce_max: timedelta = timedelta(seconds=10)
    streams_per_second: float = 0
    """0: as many as two thousand reconnecting proxies need."""
    keepalive_interval: timedelta = timedelta(seconds=30)
    keepalive_timeout: timedelta = timedelta(seconds=10)
    max_connection_age: timedelta | None = None
    max_streams: int = 100_000
    max_receive_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Registrations:
    """How workloads outside Kubernetes register themselves."""

    registers: bool = True
    checks_health: bool = True
    checks_identity: bool = True
    grace: timedelta = timedelta(seconds=10)
    """How long a proxy may be away before its entry is."""
    controller: str = "meshpilot"
    """The name of this replica."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Lifetimes and names of what the certificate authority issues."""

    enabled: bool = True
    default_ttl: timedelta = timedelta(hours=24)
    max_ttl: timedelta = timedelta(hours=2160)
    root_ttl: timedelta = timedelta(hours=87600)
    custom_hosts: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ("istio-ca",)
    plugged_in_dir: pathlib.Path = pathlib.Path("./etc/cacerts")
    holds_self_signed: bool = False
    """USE_CACERTS_FOR_SELF_SIGNED_CA: what is marked as generated there is a self-signed root."""
    with_revocations: bool = True
    is_multi_root: bool = False
    root_check_interval: timedelta = timedelta(hours=1)
    root_grace_percent: int = 20
    root_check_jitter: bool = True
    root_rsa_bits: int = 2048
    trusted_node_accounts: tuple[str, ...] = ()
    jwt_rule: JwtRule | None = None
    trusted_gateways: tuple[Network, ...] = ()
    authenticate: bool = True
    """XDS_AUTH: off, streams are anonymous and no certificate is issued."""
    authenticate_plaintext: bool = False
    cluster_aliases: tuple[str, ...] = ()
    """Other names of our own cluster."""
    serving_files: ServingPaths | None = None
    """--tlsCertFile, --tlsKeyFile, --caCertFile: the control plane's own certificate, issued by somebody else."""
    provider: str = "istiod"
    """PILOT_CERT_PROVIDER: who issues it otherwise: `istiod`, `k8s.io/<signer>`; anything else: nobody."""
    external_ca: str = ""
    """EXTERNAL_CA: ISTIOD_RA_KUBERNETES_API, Kubernetes' signers sign for workloads."""
    signer: str = ""
    signer_domain: str = ""
    copies_remote: bool = False
    """USE_REMOTE_CERTS: the Secret `cacerts` is copied into the directory of the plugged-in CA."""
    token_issuer: str = ""
    audience: str = ""
    """TOKEN_ISSUER, AUDIENCE: whose tokens are believed outside of a cluster; else what our own token says."""
    own_rule: JwtRule | None = None
    """What follows from them."""
    compliance: str = ""
    cipher_suites: tuple[str, ...] = ()
    alias_of: Mapping[str, str] = field(default_factory=dict)
    """Clusters by their other names."""


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """How the public keys of issuers of tokens are fetched."""

    refresh: timedelta = timedelta(minutes=20)
    blocked: tuple[IPv4Network | IPv6Network, ...] = ()
    """Addresses that no URL of theirs may lead to."""
    insecure: bool = False
    """The certificates of issuers are not checked."""


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """The cluster that configuration is read from, where it is not a directory; and what is written there."""

    kubeconfig: pathlib.Path | None = None
    """None: what Kubernetes mounts into pods."""
    requests_per_second: float = 80
    burst: int = 160
    shared_mesh_config: str = ""
    """A ConfigMap with MeshConfig below the mesh's own one."""
    ignored: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    """`plural.group` or `*.group`: definitions whose objects are not read; those that are nevertheless."""
    only: tuple[str, ...] = ()
    """ISTIO_WATCH_NAMESPACE: nothing outside is read."""
    members: tuple[str, ...] = ()
    """MESHPILOT_MEMBER_NAMESPACES: read one by one where the whole cluster may not be read."""
    pod_name: str = ""
    """Who we are in elections of leaders."""
    elects: bool = True
    """ENABLE_LEADER_ELECTION: off, we lead everything."""
    secrets_namespace: str = ""
    """--clusterRegistriesNamespace: where secrets of remote clusters are; empty: our own namespace."""
    is_external: bool = False
    """EXTERNAL_ISTIOD: remote clusters are served with certificates and webhooks, too."""
    watches_local_secrets: bool = False
    """LOCAL_CLUSTER_SECRET_WATCHER: secrets of remote clusters are in the cluster that we run in."""
    injection_webhook: str = "istio-sidecar-injector"
    validation_webhook: str = "istio-istio-system"
    """Webhook configurations that get our root; empty: none."""
    remote_timeout: timedelta = timedelta(seconds=30)
    """Readiness does not wait longer for a remote cluster; zero: for ever."""
    remote_max_age: timedelta = timedelta(hours=24)
    """MESHPILOT_REMOTE_CLUSTER_MAX_AGE: so long what is known of one that does not answer stays; zero: for ever."""
    insecure_kubeconfigs: tuple[str, ...] = ()
    """Forms of authentication that remote secrets may use although they are risky."""
    root_map: str = "istio-ca-root-cert"
    revocation_map: str = "istio-ca-crl"
    """PILOT_CA_CERT_CONFIGMAP, PILOT_CRL_CONFIGMAP: in every namespace."""
    writes_status: bool = True
    """PILOT_ENABLE_GATEWAY_API_STATUS."""
    makes_classes: bool = True
    """PILOT_ENABLE_GATEWAY_API_GATEWAYCLASS_CONTROLLER."""
    deploys_gateways: bool = True
    """PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER."""
    copies_metadata: bool = True
    """PILOT_ENABLE_GATEWAY_API_COPY_LABELS_ANNOTATIONS: what is deployed has those of its Gateway."""
    exports_services: bool = False
    """ENABLE_MCS_AUTO_EXPORT: every Service that is not for its own cluster only gets a ServiceExport."""
    untaints: bool = False
    """PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS: a taint is taken off nodes whose CNI agent is ready."""
    cni_namespace: str = ""
    """--cniNamespace: where those agents are; empty: our own namespace."""
    remembers: bool = False
    """What is known of the cluster is kept in the state directory, and served where the cluster does not answer."""


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What the webhooks know besides the injector's own configuration."""

    injects: bool = True
    """INJECT_ENABLED: off, nothing is at `/inject`."""
    injection_directory: pathlib.Path = pathlib.Path("./var/lib/istio/inject")
    """Holds `config` and `values`, as the ConfigMap `istio-sidecar-injector` does."""
    native_sidecars: bool | None = None
    """ENABLE_NATIVE_SIDECARS; None is `auto`: as the nodes can."""
    platform: str = ""
    compliance_policy: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can say."""

    config_dir: pathlib.Path | None = None
    mesh_config: pathlib.Path = pathlib.Path("./etc/istio/config/mesh")
    networks_config: pathlib.Path = pathlib.Path("./etc/istio/config/meshNetworks")
    state_dir: pathlib.Path = pathlib.Path(".")
    addresses: Addresses = Addresses()
    tuning: Tuning = Tuning()
    registrations: Registrations = Registrations()
    certificates: Certificates = Certificates()
    token_keys: TokenKeys = TokenKeys()
    webhooks: Webhooks = Webhooks()
    kubernetes: Kubernetes | None = None
    """None: no Kubernetes."""
    features: Features = Features()
    check_identity: bool = True
    """PILOT_ENABLE_XDS_IDENTITY_CHECK: a node must be who its credentials say."""
    shutdown: timedelta = timedelta(seconds=10)
    operating: Operating = Operating()
    log_level: str = "info"
    log_as_json: bool = False
    warnings: tuple[str, ...] = field(default=())

    @property
    def is_file_mode(self) -> bool:
        """Configuration comes from a directory; Kubernetes is not wanted."""
        return self.config_dir is not None


def parse_percent(text: str) -> int:
    """0 to 100. Raises: ValueError."""
    if not 0 <= int(text) <= 100:
        raise ValueError(f"expected 0 to 100, got {text}")
    return int(text)


def parse_rsa_bits(text: str) -> int:
    """The size of a generated key, 2048 at least. Raises: ValueError."""
    if not 2048 <= int(text) <= 8192:
        raise ValueError(f"expected 2048 to 8192, got {text}")
    return int(text)


def parse_aliases(text: str) -> dict[str, str]:
    """`alias=cluster,…`: clusters by alias. Raises: ValueError."""
    pairs = [part.partition("=") for part in parse_list(text)]
    if not all(alias and cluster for alias, _, cluster in pairs):
        raise ValueError(f"expected alias=cluster,..., got {text!r}")
    return {alias: cluster for alias, _, cluster in pairs}


TUNING: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "PILOT_DEBOUNCE_AFTER": ("debounce_after", parse_duration),
    "PILOT_DEBOUNCE_MAX": ("debounce_max", parse_duration),
    "PILOT_MAX_REQUESTS_PER_SECOND": ("streams_per_second", float),
    "GRPC_KEEPALIVE_INTERVAL": ("keepalive_interval", parse_duration),
    "GRPC_KEEPALIVE_TIMEOUT": ("keepalive_timeout", parse_duration),
    "ISTIO_GPRC_MAXSTREAMS": ("max_streams", int),
    "ISTIO_GPRC_MAXRECVMSGSIZE": ("max_receive_bytes", int),
}
REGISTRATIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION": ("registers", parse_bool),
    "PILOT_ENABLE_WORKLOAD_ENTRY_HEALTHCHECKS": ("checks_health", parse_bool),
    "ISTIO_WORKLOAD_ENTRY_VALIDATE_IDENTITY": ("checks_identity", parse_bool),
    "PILOT_WORKLOAD_ENTRY_GRACE_PERIOD": ("grace", parse_duration),
    "POD_NAME": ("controller", str),
}
_TUNING_FLAGS = ("keepalive_interval", "keepalive_timeout", "max_connection_age")
CERTIFICATES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ENABLE_CA_SERVER": ("enabled", parse_bool),
    "DEFAULT_WORKLOAD_CERT_TTL": ("default_ttl", parse_duration),
    "MAX_WORKLOAD_CERT_TTL": ("max_ttl", parse_duration),
    "CITADEL_SELF_SIGNED_CA_CERT_TTL": ("root_ttl", parse_duration),
    "ISTIOD_CUSTOM_HOST": ("custom_hosts", parse_list),
    "TOKEN_AUDIENCES": ("audiences", parse_list),
    "ROOT_CA_DIR": ("plugged_in_dir", pathlib.Path),
    "USE_CACERTS_FOR_SELF_SIGNED_CA": ("holds_self_signed", parse_bool),
    "PILOT_ENABLE_CA_CRL": ("with_revocations", parse_bool),
    "ISTIO_MULTIROOT_MESH": ("is_multi_root", parse_bool),
    "CITADEL_SELF_SIGNED_ROOT_CERT_CHECK_INTERVAL": ("root_check_interval", parse_duration),
    "CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE": ("root_grace_percent", parse_percent),
    "CITADEL_ENABLE_JITTER_FOR_ROOT_CERT_ROTATOR": ("root_check_jitter", parse_bool),
    "CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE": ("root_rsa_bits", parse_rsa_bits),
    "CA_TRUSTED_NODE_ACCOUNTS": ("trusted_node_accounts", parse_list),
    "JWT_RULE": ("jwt_rule", parse_rule),
    "TRUSTED_GATEWAY_CIDR": ("trusted_gateways", lambda text: parse_networks(parse_list(text))),
    "XDS_AUTH": ("authenticate", parse_bool),
    "XDS_AUTH_PLAINTEXT": ("authenticate_plaintext", parse_bool),
    "PILOT_CERT_PROVIDER": ("provider", str),
    "EXTERNAL_CA": ("external_ca", str),
    "K8S_SIGNER": ("signer", str),
    "CERT_SIGNER_DOMAIN": ("signer_domain", str),
    "USE_REMOTE_CERTS": ("copies_remote", parse_bool),
    "TOKEN_ISSUER": ("token_issuer", str),
    "AUDIENCE": ("audience", str),
    "COMPLIANCE_POLICY": ("compliance", str),
}


def parse_ranges(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Comma separated address ranges. Raises: ValueError."""
    return tuple(ip_network(part, strict=False) for part in parse_list(text))


TOKEN_KEYS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "PILOT_JWT_PUB_KEY_REFRESH_INTERVAL": ("refresh", parse_duration),
    "JWKS_RESOLVER_INSECURE_SKIP_VERIFY": ("insecure", parse_bool),
    "BLOCKED_CIDRS_IN_JWKS_URIS": ("blocked", parse_ranges),
}


def parse_native_sidecars(text: str) -> bool | None:
    """`auto` is None; anything that is not `true` is off, as with istiod."""
    return None if text == "auto" else text == "true"


WEBHOOK_SIDE: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "INJECT_ENABLED": ("injects", parse_bool),
    "ENABLE_NATIVE_SIDECARS": ("native_sidecars", parse_native_sidecars),
    "PLATFORM": ("platform", str),
    "COMPLIANCE_POLICY": ("compliance_policy", str),
}


def webhooks_from(given: Mapping[str, Any], environ: Mapping[str, str], warnings: list[str]) -> Webhooks:
    """What the webhooks know."""
    places = {name: given[name] for name in ("injection_directory",) if name in given}
    return Webhooks(**read(WEBHOOK_SIDE, environ, warnings), **places)


KUBERNETES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "SHARED_MESH_CONFIG": ("shared_mesh_config", str),
    "PILOT_IGNORE_RESOURCES": ("ignored", parse_list),
    "PILOT_INCLUDE_RESOURCES": ("included", parse_list),
    "ISTIO_WATCH_NAMESPACE": ("only", parse_list),
    "MESHPILOT_MEMBER_NAMESPACES": ("members", parse_list),
    "POD_NAME": ("pod_name", str),
    "ENABLE_LEADER_ELECTION": ("elects", parse_bool),
    "EXTERNAL_ISTIOD": ("is_external", parse_bool),
    "LOCAL_CLUSTER_SECRET_WATCHER": ("watches_local_secrets", parse_bool),
    "PILOT_REMOTE_CLUSTER_TIMEOUT": ("remote_timeout", parse_duration),
    "ENABLE_MCS_AUTO_EXPORT": ("exports_services", parse_bool),
    "MESHPILOT_REMOTE_CLUSTER_MAX_AGE": ("remote_max_age", parse_duration),
    "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS": ("insecure_kubeconfigs", parse_list),
    "MESHPILOT_WARM_START": ("remembers", parse_bool),
    "PILOT_CA_CERT_CONFIGMAP": ("root_map", str),
    "PILOT_CRL_CONFIGMAP": ("revocation_map", str),
    "PILOT_ENABLE_GATEWAY_API_STATUS": ("writes_status", parse_bool),
    "PILOT_ENABLE_GATEWAY_API_GATEWAYCLASS_CONTROLLER": ("makes_classes", parse_bool),
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": ("deploys_gateways", parse_bool),
    "PILOT_ENABLE_GATEWAY_API_COPY_LABELS_ANNOTATIONS": ("copies_metadata", parse_bool),
    "PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS": ("untaints", parse_bool),
}
WEBHOOK_NAMES = {
    "INJECTION_WEBHOOK_CONFIG_NAME": "injection_webhook",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "validation_webhook",
}
_KUBERNETES_FLAGS = ("kubeconfig", "requests_per_second", "burst", "secrets_namespace", "remembers", "cni_namespace")
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_FLEETING = frozenset(("tmpfs", "ramfs", "overlay", "aufs"))
"""Kinds of file systems that go with a container."""


def kubernetes_from(
    given: Mapping[str, Any], environ: Mapping[str, str], state_dir: pathlib.Path, warnings: list[str]
) -> Kubernetes | None:
    """Which cluster, and how; None where there is a directory instead, or no sign of a cluster."""
    registries = [each.lower() for each in parse_list(given.get("registries", "Kubernetes"))]
    if given.get("config_dir") is not None or "kubernetes" not in registries:
        return None
    values = read(KUBERNETES, environ, warnings)
    values |= {name: environ[variable] for variable, name in WEBHOOK_NAMES.items() if variable in environ}
    values |= {name: given[name] for name in _KUBERNETES_FLAGS if name in given}
    mounted = environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
    if "kubeconfig" not in values and mounted and pathlib.Path(mounted).exists():
        values["kubeconfig"] = pathlib.Path(mounted)
    if "kubeconfig" not in values and not environ.get(_IN_CLUSTER):
        return None
    values.setdefault("remembers", outlives_us(state_dir))
    values.setdefault("pod_name", f"unknown-{socket.gethostname()}")
    return Kubernetes(**values)


def outlives_us(directory: pathlib.Path, mounts: pathlib.Path = pathlib.Path("/proc/self/mounts")) -> bool:
    """Whether what is written there is still there after a restart, as far as its file system says."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return True  # no Linux: no container
    place, found = directory.absolute(), ("", "")
    for line in lines:
        _, mounted, kind, *_ = line.split(" ")
        if place.is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1] not in _FLEETING


def default_state_dir(environ: Mapping[str, str]) -> pathlib.Path:
    """MESHPILOT_STATE_DIR, else the user's state directory (XDG_STATE_HOME, ~/.local/state)."""
    if environ.get("MESHPILOT_STATE_DIR"):
        return pathlib.Path(environ["MESHPILOT_STATE_DIR"])
    base = environ.get("XDG_STATE_HOME")
    return (pathlib.Path(base) if base else pathlib.Path.home() / ".local" / "state") / "meshpilot"


def _serving_files(given: Mapping[str, Any], warnings: list[str]) -> ServingPaths | None:
    """Of the three flags, which come together; else where charts mount them."""
    named = [given.get(name) for name in ("tls_cert_file", "tls_key_file", "ca_cert_file")]
    if all(named):
        return ServingPaths(*map(pathlib.Path, named))  # type: ignore[arg-type]  # none of them is None
    if any(named):
        warnings.append("--tlsCertFile, --tlsKeyFile and --caCertFile: expected all three; they have no effect")
    return well_known()


def _own_rule(limits: Certificates, environ: Mapping[str, str]) -> JwtRule | None:
    """Outside of a cluster the issuer of our own token is believed. Source: CA behaviour 1.2 (5)."""
    if environ.get(_IN_CLUSTER):
        return None
    try:
        token = OWN_TOKEN.read_text().strip()
    except (OSError, UnicodeError):
        token = ""
    issuer = limits.token_issuer or (unproven_issuer(token) if token else "")
    audience = limits.audience or (unproven_audience(token) if token else "")
    return JwtRule(issuer, (audience,)) if issuer and audience else None


KNOWN = frozenset(
    variable
    for table in (FEATURES, TUNING, REGISTRATIONS, CERTIFICATES, TOKEN_KEYS, WEBHOOK_SIDE, KUBERNETES, WEBHOOK_NAMES)
    for variable in table
) | {"PILOT_ENABLE_XDS_IDENTITY_CHECK"}
"""Those of our prefixes that have an effect."""


def _placed(features: Features, given: Mapping[str, Any]) -> Features:
    """With the flags that say where we are."""
    names = {"cluster_id": "cluster_id", "namespace": "system_namespace"}
    return replace(features, **{name: given[flag] for flag, name in names.items() if flag in given})


def _aliases(given: Mapping[str, Any], warnings: list[str]) -> Mapping[str, str]:
    try:
        return parse_aliases(given.get("cluster_aliases", ""))
    except ValueError as error:
        warnings.append(f"flag --clusterAliases: {error}; it has no effect")
        return {}


def load(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from flags (by field name, None where not given) and environment."""
    warnings: list[str] = []
    given = {name: value for name, value in flags.items() if value is not None}
    config_dir = given.get("config_dir")
    state_dir = given.get("state_dir") or default_state_dir(environ)
    tuning = Tuning(**read(TUNING, environ, warnings))
    tuning = replace(tuning, **{name: given[name] for name in _TUNING_FLAGS if name in given})
    token_keys = read(TOKEN_KEYS, environ, warnings)
    if environ.get("BLOCKED_CIDRS_IN_JWKS_URIS") and "blocked" not in token_keys:
        warnings.append("BLOCKED_CIDRS_IN_JWKS_URIS cannot be read: no keys are fetched from anywhere")
        token_keys["blocked"] = parse_ranges("0.0.0.0/0,::/0")
    features = _placed(
        features_from(environ, config_dir is not None, given.get("domain", "cluster.local"), warnings), given
    )
    kubernetes = kubernetes_from(given, environ, state_dir, warnings)
    features = replace(features, shares_cluster=kubernetes is not None)
    check_identity = read({"PILOT_ENABLE_XDS_IDENTITY_CHECK": ("check", parse_bool)}, environ, warnings)
    warnings += [f"flag {flag} is not known and has no effect" for flag in given.get("unknown", ()) if flag[:1] == "-"]
    warnings += (*unsupported.warnings(environ), *unsupported.unknown(environ, KNOWN))
    certificates = Certificates(**read(CERTIFICATES, environ, warnings))
    alias_of = _aliases(given, warnings)
    features = replace(features, cluster_aliases=tuple(sorted(alias_of.items())))
    certificates = replace(
        certificates,
        alias_of=alias_of,
        cluster_aliases=tuple(alias for alias, cluster in alias_of.items() if cluster == features.cluster_id),
    )
    certificates = replace(
        certificates,
        serving_files=_serving_files(given, warnings),
        cipher_suites=parse_list(given.get("tls_cipher_suites", "")),
        own_rule=_own_rule(certificates, environ),
    )
    plain = {f.name for f in fields(Settings)} & set(given)
    return Settings(
        **{name: given[name] for name in plain if name != "state_dir"},
        state_dir=state_dir,
        kubernetes=kubernetes,
        tuning=tuning,
        registrations=Registrations(**read(REGISTRATIONS, environ, warnings)),
        certificates=certificates,
        token_keys=TokenKeys(**token_keys),
        webhooks=webhooks_from(given, environ, warnings),
        operating=operating_from(given, environ, warnings),
        features=features,
        check_identity=check_identity.get("check", True),
        warnings=tuple(warnings),
    )
