"""The Kubernetes types that injection reads and writes, as Go declares them: what their JSON looks like from Go.

A table in words, read once: for each type its fields in order, by JSON name, with
  type    `s` text, `i` integer, `b` boolean, `q` quantity, `x` anything, `{}` map of text, `{q}` map of quantities,
          or a type of the table; `*` before it: a pointer, so that its zero is kept; `[]` before it: a list;
  `!`     written even if empty;
  `@key`  strategic merge puts lists together by this key; `@` without key: as sets; `+`: `$retainKeys` applies.
Fields that are not in the table pass unchanged. Source: injection behaviour 2.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

_TABLE: Final = """
ObjectMeta name:s generateName:s namespace:s selfLink:s uid:s resourceVersion:s generation:i creationTimestamp:x
  deletionTimestamp:x deletionGracePeriodSeconds:*i labels:{} annotations:{} ownerReferences:[]OwnerReference@uid
  finalizers:[]s@ managedFields:x
OwnerReference apiVersion:s! kind:s! name:s! uid:s! controller:*b blockOwnerDeletion:*b
Pod kind:s apiVersion:s metadata:ObjectMeta spec:PodSpec status:x!
PodTemplateSpec metadata:ObjectMeta spec:PodSpec
PodSpec volumes:[]Volume@name+ initContainers:[]Container@name containers:[]Container!@name
  ephemeralContainers:[]Container@name restartPolicy:s terminationGracePeriodSeconds:*i activeDeadlineSeconds:*i
  dnsPolicy:s nodeSelector:{} serviceAccountName:s serviceAccount:s automountServiceAccountToken:*b nodeName:s
  hostNetwork:b hostPID:b hostIPC:b shareProcessNamespace:*b securityContext:*PodSecurityContext
  imagePullSecrets:[]LocalObjectReference@name hostname:s subdomain:s affinity:*Affinity schedulerName:s
  tolerations:[]Toleration hostAliases:[]HostAlias@ip priorityClassName:s priority:*i dnsConfig:*PodDNSConfig
  readinessGates:[]PodReadinessGate runtimeClassName:*s enableServiceLinks:*b preemptionPolicy:*s overhead:{q}
  topologySpreadConstraints:[]TopologySpreadConstraint@topologyKey setHostnameAsFQDN:*b os:*PodOS hostUsers:*b
  schedulingGates:[]PodSchedulingGate@name resourceClaims:[]PodResourceClaim@name+ resources:*ResourceRequirements
PodOS name:s!
PodSchedulingGate name:s!
PodReadinessGate conditionType:s!
PodResourceClaim name:s! resourceClaimName:*s resourceClaimTemplateName:*s
PodDNSConfig nameservers:[]s searches:[]s options:[]PodDNSConfigOption
PodDNSConfigOption name:s value:*s
HostAlias ip:s! hostnames:[]s
Toleration key:s operator:s value:s effect:s tolerationSeconds:*i
LocalObjectReference name:s
TopologySpreadConstraint maxSkew:i! topologyKey:s! whenUnsatisfiable:s! labelSelector:*LabelSelector minDomains:*i
  nodeAffinityPolicy:*s nodeTaintsPolicy:*s matchLabelKeys:[]s
LabelSelector matchLabels:{} matchExpressions:[]LabelSelectorRequirement
LabelSelectorRequirement key:s! operator:s! values:[]s
Affinity nodeAffinity:*NodeAffinity podAffinity:*PodAffinity podAntiAffinity:*PodAffinity
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:*NodeSelector
  preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeSelector nodeSelectorTerms:[]NodeSelectorTerm!
NodeSelectorTerm matchExpressions:[]NodeSelectorRequirement matchFields:[]NodeSelectorRequirement
NodeSelectorRequirement key:s! operator:s! values:[]s
PreferredSchedulingTerm weight:i! preference:NodeSelectorTerm!
PodAffinity requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
  preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm labelSelector:*LabelSelector namespaces:[]s topologyKey:s! namespaceSelector:*LabelSelector
  matchLabelKeys:[]s mismatchLabelKeys:[]s
WeightedPodAffinityTerm weight:i! podAffinityTerm:PodAffinityTerm!
PodSecurityContext seLinuxOptions:*SELinuxOptions windowsOptions:*WindowsOptions runAsUser:*i runAsGroup:*i
  runAsNonRoot:*b supplementalGroups:[]i supplementalGroupsPolicy:*s fsGroup:*i sysctls:[]Sysctl
  fsGroupChangePolicy:*s seccompProfile:*SeccompProfile appArmorProfile:*SeccompProfile seLinuxChangePolicy:*s
SELinuxOptions user:s role:s type:s level:s
WindowsOptions gmsaCredentialSpecName:*s gmsaCredentialSpec:*s runAsUserName:*s hostProcess:*b
Sysctl name:s! value:s!
SeccompProfile type:s! localhostProfile:*s
SecurityContext capabilities:*Capabilities privileged:*b seLinuxOptions:*SELinuxOptions windowsOptions:*WindowsOptions
  runAsUser:*i runAsGroup:*i runAsNonRoot:*b readOnlyRootFilesystem:*b allowPrivilegeEscalation:*b procMount:*s
  seccompProfile:*SeccompProfile appArmorProfile:*SeccompProfile
Capabilities add:[]s drop:[]s
Container name:s! image:s command:[]s args:[]s workingDir:s ports:[]ContainerPort@containerPort
  envFrom:[]EnvFromSource env:[]EnvVar@name resources:ResourceRequirements! resizePolicy:[]ContainerResizePolicy
  restartPolicy:*s restartPolicyRules:x volumeMounts:[]VolumeMount@mountPath
  volumeDevices:[]VolumeDevice@devicePath livenessProbe:*Probe readinessProbe:*Probe startupProbe:*Probe
  lifecycle:*Lifecycle terminationMessagePath:s terminationMessagePolicy:s imagePullPolicy:s
  securityContext:*SecurityContext stdin:b stdinOnce:b tty:b targetContainerName:s
ContainerPort name:s hostPort:i containerPort:i! protocol:s hostIP:s
ContainerResizePolicy resourceName:s! restartPolicy:s!
EnvVar name:s! value:s valueFrom:*EnvVarSource
EnvVarSource fieldRef:*ObjectFieldSelector resourceFieldRef:*ResourceFieldSelector configMapKeyRef:*KeySelector
  secretKeyRef:*KeySelector fileKeyRef:x
ObjectFieldSelector apiVersion:s fieldPath:s!
ResourceFieldSelector containerName:s resource:s! divisor:q!
KeySelector name:s key:s! optional:*b
EnvFromSource prefix:s configMapRef:*NameSelector secretRef:*NameSelector
NameSelector name:s optional:*b
ResourceRequirements limits:{q} requests:{q} claims:[]ResourceClaim
ResourceClaim name:s! request:s
VolumeMount name:s! readOnly:b recursiveReadOnly:*s mountPath:s! subPath:s mountPropagation:*s subPathExpr:s
VolumeDevice name:s! devicePath:s!
Probe exec:*ExecAction httpGet:*HTTPGetAction tcpSocket:*TCPSocketAction grpc:*GRPCAction initialDelaySeconds:i
  timeoutSeconds:i periodSeconds:i successThreshold:i failureThreshold:i terminationGracePeriodSeconds:*i
ExecAction command:[]s
HTTPGetAction path:s port:x! host:s scheme:s httpHeaders:[]HTTPHeader
HTTPHeader name:s! value:s!
TCPSocketAction port:x! host:s
GRPCAction port:i! service:*s!
Lifecycle postStart:*LifecycleHandler preStop:*LifecycleHandler stopSignal:*s
LifecycleHandler exec:*ExecAction httpGet:*HTTPGetAction tcpSocket:*TCPSocketAction sleep:*SleepAction
SleepAction seconds:i!
Volume name:s! hostPath:*HostPathVolumeSource emptyDir:*EmptyDirVolumeSource secret:*SecretVolumeSource
  nfs:*NFSVolumeSource persistentVolumeClaim:*ClaimVolumeSource downwardAPI:*DownwardAPIVolumeSource
  configMap:*ConfigMapVolumeSource projected:*ProjectedVolumeSource csi:*CSIVolumeSource
  ephemeral:*EphemeralVolumeSource image:*ImageVolumeSource
HostPathVolumeSource path:s! type:*s
EmptyDirVolumeSource medium:s sizeLimit:*q
SecretVolumeSource secretName:s items:[]KeyToPath defaultMode:*i optional:*b
NFSVolumeSource server:s! path:s! readOnly:b
ClaimVolumeSource claimName:s! readOnly:b
DownwardAPIVolumeSource items:[]DownwardAPIVolumeFile defaultMode:*i
DownwardAPIVolumeFile path:s! fieldRef:*ObjectFieldSelector resourceFieldRef:*ResourceFieldSelector mode:*i
ConfigMapVolumeSource name:s items:[]KeyToPath defaultMode:*i optional:*b
KeyToPath key:s! path:s! mode:*i
ProjectedVolumeSource sources:[]VolumeProjection! defaultMode:*i
VolumeProjection secret:*ProjectedReference downwardAPI:*DownwardAPIVolumeSource configMap:*ProjectedReference
  serviceAccountToken:*ServiceAccountTokenProjection clusterTrustBundle:*ClusterTrustBundleProjection
ProjectedReference name:s items:[]KeyToPath optional:*b
ServiceAccountTokenProjection audience:s expirationSeconds:*i path:s!
ClusterTrustBundleProjection name:*s signerName:*s labelSelector:*LabelSelector optional:*b path:s!
CSIVolumeSource driver:s! readOnly:*b fsType:*s volumeAttributes:{} nodePublishSecretRef:*LocalObjectReference
EphemeralVolumeSource volumeClaimTemplate:*PersistentVolumeClaim
ImageVolumeSource reference:s pullPolicy:s
PersistentVolumeClaim kind:s apiVersion:s metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:x!
PersistentVolumeClaimSpec accessModes:[]s selector:*LabelSelector resources:ResourceRequirements! volumeName:s
  storageClassName:*s volumeMode:*s dataSource:x dataSourceRef:x volumeAttributesClassName:*s
Deployment kind:s apiVersion:s metadata:ObjectMeta spec:DeploymentSpec status:x!
DeploymentSpec replicas:*i selector:*LabelSelector! template:PodTemplateSpec! strategy:Strategy! minReadySeconds:i
  revisionHistoryLimit:*i paused:b progressDeadlineSeconds:*i
Strategy type:s rollingUpdate:x
DaemonSet kind:s apiVersion:s metadata:ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus!
DaemonSetSpec selector:*LabelSelector! template:PodTemplateSpec! updateStrategy:Strategy! minReadySeconds:i
  revisionHistoryLimit:*i
DaemonSetStatus currentNumberScheduled:i! numberMisscheduled:i! desiredNumberScheduled:i! numberReady:i!
StatefulSet kind:s apiVersion:s metadata:ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus!
StatefulSetSpec replicas:*i selector:*LabelSelector! template:PodTemplateSpec!
  volumeClaimTemplates:[]PersistentVolumeClaim serviceName:s! podManagementPolicy:s updateStrategy:Strategy!
  revisionHistoryLimit:*i minReadySeconds:i persistentVolumeClaimRetentionPolicy:x ordinals:x
StatefulSetStatus replicas:i! availableReplicas:i!
ReplicaSet kind:s apiVersion:s metadata:ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus!
ReplicaSetSpec replicas:*i minReadySeconds:i selector:*LabelSelector! template:PodTemplateSpec
ReplicaSetStatus replicas:i!
ReplicationController kind:s apiVersion:s metadata:ObjectMeta spec:ReplicationControllerSpec status:ReplicaSetStatus!
ReplicationControllerSpec replicas:*i minReadySeconds:i selector:{} template:*PodTemplateSpec
Job kind:s apiVersion:s metadata:ObjectMeta spec:JobSpec status:x!
JobSpec parallelism:*i completions:*i activeDeadlineSeconds:*i podFailurePolicy:x successPolicy:x backoffLimit:*i
  backoffLimitPerIndex:*i maxFailedIndexes:*i selector:*LabelSelector manualSelector:*b template:PodTemplateSpec!
  ttlSecondsAfterFinished:*i completionMode:*s suspend:*b podReplacementPolicy:*s managedBy:*s
CronJob kind:s apiVersion:s metadata:ObjectMeta spec:CronJobSpec status:x!
CronJobSpec schedule:s! timeZone:*s startingDeadlineSeconds:*i concurrencyPolicy:s suspend:*b
  jobTemplate:JobTemplateSpec! successfulJobsHistoryLimit:*i failedJobsHistoryLimit:*i
JobTemplateSpec metadata:ObjectMeta spec:JobSpec
DeploymentConfig kind:s apiVersion:s metadata:ObjectMeta spec:DeploymentConfigSpec status:x!
DeploymentConfigSpec strategy:x! minReadySeconds:i triggers:x replicas:i! revisionHistoryLimit:*i test:b! paused:b
  selector:{} template:*PodTemplateSpec
Service kind:s apiVersion:s metadata:ObjectMeta spec:ServiceSpec status:x
ServiceSpec ports:[]ServicePort@port selector:{} externalIPs:[]s loadBalancerSourceRanges:[]s
ServicePort name:s protocol:s appProtocol:*s port:i! targetPort:x nodePort:i
ServiceAccount kind:s apiVersion:s metadata:ObjectMeta secrets:[]LocalObjectReference@name
  imagePullSecrets:[]LocalObjectReference@name
HorizontalPodAutoscaler kind:s apiVersion:s metadata:ObjectMeta spec:x status:x
PodDisruptionBudget kind:s apiVersion:s metadata:ObjectMeta spec:x status:x
ContainerOverrides containers:[]Container initContainers:[]Container
"""

_INITIALISMS: Final = {
    "api": "API", "csi": "CSI", "dns": "DNS", "fqdn": "FQDN", "fs": "FS", "grpc": "GRPC", "http": "HTTP", "ip": "IP",
    "nfs": "NFS", "os": "OS", "se": "SE", "tcp": "TCP", "tty": "TTY", "uid": "UID",
}  # fmt: skip
_INITIAL_NAMES: Final = {
    name: _INITIALISMS[word] + rest
    for name, word, rest in (
        ("apiVersion", "api", "Version"), ("dnsPolicy", "dns", "Policy"), ("dnsConfig", "dns", "Config"),
        ("fsGroup", "fs", "Group"), ("fsGroupChangePolicy", "fs", "GroupChangePolicy"), ("fsType", "fs", "Type"),
        ("httpGet", "http", "Get"), ("httpHeaders", "http", "Headers"), ("tcpSocket", "tcp", "Socket"),
        ("seLinuxOptions", "se", "LinuxOptions"), ("grpc", "grpc", ""), ("csi", "csi", ""), ("nfs", "nfs", ""),
        ("os", "os", ""), ("tty", "tty", ""), ("uid", "uid", ""), ("ip", "ip", ""),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type; `type` names a scalar kind (see above) or another type."""

    json: str
    go: str
    type: str
    is_list: bool = False
    is_pointer: bool = False
    always: bool = False
    merges: bool = False
    merge_key: str = ""
    retains_keys: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """A struct: its fields in order."""

    name: str
    fields: tuple[Field, ...]
    by_json: Mapping[str, Field]
    by_go: Mapping[str, Field]


def go_name(json_name: str) -> str:
    """`hostIP` -> `HostIP`, `dnsPolicy` -> `DNSPolicy`."""
    return _INITIAL_NAMES.get(json_name) or json_name[:1].upper() + json_name[1:]


def _parse_field(text: str) -> Field:
    name, _, rest = text.partition(":")
    rest, at, merge = rest.partition("@")
    always = rest.endswith("!")
    rest = rest.rstrip("!")
    return Field(
        json=name,
        go=go_name(name),
        type=rest.removeprefix("[]").removeprefix("*"),
        is_list=rest.startswith("[]"),
        is_pointer=rest.startswith("*"),
        always=always or "!" in merge,
        merges=bool(at),
        merge_key=merge.rstrip("+!"),
        retains_keys=merge.endswith("+"),
    )


@cache
def types() -> Mapping[str, Type]:
    """The table, by the name of the type."""
    found: dict[str, Type] = {}
    words: list[str] = []
    for line in [*_TABLE.strip().splitlines(), "-"]:
        if not line.startswith(" ") and words:
            fields = tuple(_parse_field(word) for word in words[1:])
            by_json, by_go = {each.json: each for each in fields}, {each.go: each for each in fields}
            found[words[0]] = Type(words[0], fields, by_json, by_go)
            words = []
        words += line.split()
    return found
