"""What our own templates share, as definitions that each of them begins with.

Text only: variables, mounts and volumes by which Istio's proxy image finds what it needs. Elements of lists are in flow
style, `[{…}, {…},]`, so that they may stand at any depth. Source: injection behaviour 3 and 4.
"""

from typing import Final

IMAGE: Final = """
{{- define "image" }}
  {{- $wanted := annotation .ObjectMeta "sidecar.istio.io/proxyImage" .Values.global.proxy.image }}
  {{- if contains "/" $wanted }}{{ quote $wanted }}{{ else }}{{ quote .ProxyImage }}{{ end }}
{{- end }}
{{- define "pull policy" }}{{ with .Values.global.imagePullPolicy }}imagePullPolicy: {{ quote . }}{{ end }}{{ end }}
"""
"""The proxy's image, and when it is pulled."""

RESOURCES: Final = """
{{- define "resources" }}
  {{- $asked := dict "requests" (dict) "limits" (dict) }}
  {{- $root := . }}
  {{- range $kind, $suffix := dict "requests" "" "limits" "Limit" }}
    {{- range $resource, $name := dict "cpu" "proxyCPU" "memory" "proxyMemory" }}
      {{- with index $root.ObjectMeta.Annotations (print "sidecar.istio.io/" $name $suffix) }}
        {{- $_ := set (get $asked $kind) $resource . }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- if or $asked.requests $asked.limits }}{{ toJson $asked }}
  {{- else }}{{ omitNil .Values.global.proxy.resources | toJson }}{{ end }}
{{- end }}
"""
"""Resources by annotations, or all of them by values."""

IDENTITY: Final = """
{{- define "where it runs" }}
{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}},
{name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}},
{name: INSTANCE_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}},
{name: SERVICE_ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}},
{name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}},
{{- end }}
{{- define "authority" }}
{name: PILOT_CERT_PROVIDER, value: {{ quote .Values.global.pilotCertProvider }}},
  {{- $suffix := "" }}{{ with .Values.revision }}{{ $suffix = print "-" . }}{{ end }}
  {{- $own := printf "istiod%s.%s.svc:15012" $suffix .Values.global.istioNamespace }}
{name: CA_ADDR, value: {{ .Values.global.caAddress | default $own | quote }}},
{{- end }}
{{- define "cpu limit" }}
{name: ISTIO_CPU_LIMIT, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "1"}}},
{{- end }}
{{- define "go limits" }}
{name: GOMEMLIMIT, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: "1"}}},
{name: GOMAXPROCS, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "1"}}},
{{- end }}
{{- define "proxy config" }}
{name: PROXY_CONFIG, value: {{ protoToJSON .ProxyConfig | toJson }}},
{{- end }}
{{- define "mesh" }}
  {{- $domain := valueOrDefault .MeshConfig.TrustDomain .Values.global.trustDomain }}
  {{- with .Values.global.meshID | default $domain }}
{name: ISTIO_META_MESH_ID, value: {{ quote . }}},
  {{- end }}
  {{- with $domain }}
{name: TRUST_DOMAIN, value: {{ quote . }}},
  {{- end }}
{{- end }}
{{- define "metadata of proxies" }}
  {{- range $name, $value := .ProxyConfig.ProxyMetadata }}
{name: {{ quote $name }}, value: {{ quote $value }}},
  {{- end }}
{{- end }}
"""
"""Variables by which a proxy knows itself and its mesh."""

WORKLOAD: Final = """
{{- define "application" }}
  {{- $ports := list }}{{ $names := list }}
  {{- range .Spec.Containers }}
    {{- range .Ports }}{{ $ports = append $ports (structToJSON .) }}{{ end }}
    {{- if ne .Name "istio-proxy" }}{{ $names = append $names .Name }}{{ end }}
  {{- end }}
{name: ISTIO_META_POD_PORTS, value: {{ printf "[%s]" (join "," $ports) | toJson }}},
{name: ISTIO_META_APP_CONTAINERS, value: {{ join "," $names | quote }}},
{{- end }}
{{- define "cluster" }}
{name: ISTIO_META_CLUSTER_ID, value: {{ .Values.global.multiCluster.clusterName | default "Kubernetes" | quote }}},
{name: ISTIO_META_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}},
{{- end }}
{{- define "network" }}
  {{- with .Values.global.network }}
{name: ISTIO_META_NETWORK, value: {{ quote . }}},
  {{- end }}
{{- end }}
{{- define "workload" }}
  {{- with index .ObjectMeta.Labels "service.istio.io/workload-name" | default .DeploymentMeta.Name }}
{name: ISTIO_META_WORKLOAD_NAME, value: {{ quote . }}},
  {{- end }}
  {{- if and .TypeMeta.APIVersion .DeploymentMeta.Name }}
    {{- $namespace := .DeploymentMeta.Namespace | default "default" }}
    {{- $kind := print (lower .TypeMeta.Kind) "s" }}
    {{- $owner := list "kubernetes://apis" .TypeMeta.APIVersion "namespaces" $namespace $kind .DeploymentMeta.Name }}
{name: ISTIO_META_OWNER, value: {{ join "/" $owner | quote }}},
  {{- end }}
{{- end }}
{{- define "compliance" }}
  {{- with .CompliancePolicy }}
{name: COMPLIANCE_POLICY, value: {{ quote . }}},
  {{- end }}
{{- end }}
"""
"""Variables about the pod that a proxy is injected into."""

NAMES: Final = """
{{- define "canonical labels" }}
  {{- $labels := .ObjectMeta.Labels }}
  {{- $name := .DeploymentMeta.Name }}
  {{- range $key := list "app" "app.kubernetes.io/name" "service.istio.io/canonical-name" }}
    {{- $name = index $labels $key | default $name }}
  {{- end }}
  {{- $revision := "latest" }}
  {{- range $key := list "version" "app.kubernetes.io/version" "service.istio.io/canonical-revision" }}
    {{- $revision = index $labels $key | default $revision }}
  {{- end }}
    service.istio.io/canonical-name: {{ $name | trunc 63 | trimSuffix "-" | quote }}
    service.istio.io/canonical-revision: {{ quote $revision }}
{{- end }}
{{- define "first container" }}
  {{- $root := . }}{{ $first := "" }}
  {{- range .Spec.Containers }}
    {{- if and (not $first) (ne .Name "istio-proxy") }}{{ $first = .Name }}{{ end }}
  {{- end }}
    istio.io/rev: {{ .Revision | default "default" | quote }}
  {{- range $key := list "kubectl.kubernetes.io/default-container" "kubectl.kubernetes.io/default-logs-container" }}
    {{- if and $first (not (hasKey $root.ObjectMeta.Annotations $key)) }}
    {{ $key }}: {{ quote $first }}
    {{- end }}
  {{- end }}
{{- end }}
"""
"""Labels and annotations of an injected pod."""

ARGUMENTS: Final = """
{{- define "domain" }}{{ print "$(POD_NAMESPACE).svc." .Values.global.proxy.clusterDomain | quote }}{{ end }}
{{- define "log arguments" }}
  {{- $proxy := annotation .ObjectMeta "sidecar.istio.io/logLevel" .Values.global.proxy.logLevel }}
  {{- $parts := annotation .ObjectMeta "sidecar.istio.io/componentLogLevel" .Values.global.proxy.componentLogLevel }}
{{ print "--proxyLogLevel=" $proxy | quote }},
{{ print "--proxyComponentLogLevel=" $parts | quote }},
  {{- $agent := annotation .ObjectMeta "sidecar.istio.io/agentLogLevel" .Values.global.logging.level }}
{{ print "--log_output_level=" $agent | quote }},
  {{- with .Values.global.sts.servicePort }}
{{ print "--stsPort=" . | quote }},
  {{- end }}
  {{- if .Values.global.logAsJson }}
"--log_as_json",
  {{- end }}
{{- end }}
{{- define "readiness" }}
  {{- if ne (annotation .ObjectMeta "status.sidecar.istio.io/port" .Values.global.proxy.statusPort) "0" }}
    readinessProbe:
      httpGet: {path: /healthz/ready, port: 15021}
    {{- template "patience" . }}
  {{- end }}
{{- end }}
{{- define "patience" }}
  {{- $root := . }}
      timeoutSeconds: 3
    {{- $defaults := dict "initialDelaySeconds" .Values.global.proxy.readinessInitialDelaySeconds }}
    {{- $_ := set $defaults "periodSeconds" .Values.global.proxy.readinessPeriodSeconds }}
    {{- $_ := set $defaults "failureThreshold" .Values.global.proxy.readinessFailureThreshold }}
    {{- range $name, $default := $defaults }}
      {{ $name }}: {{ annotation $root.ObjectMeta (print "readiness.status.sidecar.istio.io/" $name) $default }}
    {{- end }}
{{- end }}
{{- define "bootstrap variable" }}
  {{- if hasKey .ObjectMeta.Annotations "sidecar.istio.io/bootstrapOverride" }}
{name: ISTIO_BOOTSTRAP_OVERRIDE, value: /etc/istio/custom-bootstrap/custom_bootstrap.json},
  {{- end }}
{{- end }}
{{- define "bootstrap mount" }}
  {{- if hasKey .ObjectMeta.Annotations "sidecar.istio.io/bootstrapOverride" }}
{name: custom-bootstrap-volume, mountPath: /etc/istio/custom-bootstrap},
  {{- end }}
{{- end }}
{{- define "bootstrap volume" }}
  {{- with index .ObjectMeta.Annotations "sidecar.istio.io/bootstrapOverride" }}
{name: custom-bootstrap-volume, configMap: {name: {{ quote . }}}},
  {{- end }}
{{- end }}
"""
"""Arguments and the readiness probe of the agent."""

STORAGE: Final = """
{{- define "mounts" }}
{name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds},
  {{- if eq .Values.global.caName "GkeWorkloadCertificate" }}
{name: gke-workload-certificate, mountPath: /var/run/secrets/workload-spiffe-credentials, readOnly: true},
  {{- else }}
{name: workload-certs, mountPath: /var/run/secrets/workload-spiffe-credentials},
  {{- end }}
  {{- if eq .Values.global.pilotCertProvider "istiod" }}
{name: istiod-ca-cert, mountPath: /var/run/secrets/istio},
  {{- end }}
{name: istio-data, mountPath: /var/lib/istio/data},
{name: istio-token, mountPath: /var/run/secrets/tokens},
{name: istio-podinfo, mountPath: /etc/istio/pod},
  {{- if .Values.global.mountMtlsCerts }}
{name: istio-certs, mountPath: /etc/certs/, readOnly: true},
  {{- end }}
{{- end }}
{{- define "user mounts" }}
  {{- if hasKey .ObjectMeta.Annotations "sidecar.istio.io/userVolumeMount" }}
    {{- range $name, $mount := fromJSON (index .ObjectMeta.Annotations "sidecar.istio.io/userVolumeMount") }}
{{ merge (dict "name" $name) $mount | toJson }},
    {{- end }}
  {{- end }}
{{- end }}
{{- define "user volumes" }}
  {{- if hasKey .ObjectMeta.Annotations "sidecar.istio.io/userVolume" }}
    {{- range $name, $volume := fromJSON (index .ObjectMeta.Annotations "sidecar.istio.io/userVolume") }}
{{ merge (dict "name" $name) $volume | toJson }},
    {{- end }}
  {{- end }}
{{- end }}
{{- define "root certificate" }}
  {{- if eq (.Values.pilot.env).ENABLE_CLUSTER_TRUST_BUNDLE_API true }}
    {{- $bundle := print "istio.io:istiod-ca:" (.Values.global.trustBundleName | default "root-cert") }}
{name: istiod-ca-cert, projected: {sources: [{clusterTrustBundle: {name: {{ quote $bundle }}, path: root-cert.pem}}]}},
  {{- else }}
{name: istiod-ca-cert, configMap: {name: {{ .Values.global.trustBundleName | default "istio-ca-root-cert" | quote }}}},
  {{- end }}
{{- end }}
{{- define "sockets" }}
{name: workload-socket},
  {{- if eq .Values.global.caName "GkeWorkloadCertificate" }}
{name: gke-workload-certificate, csi: {driver: workloadcertificates.security.cloud.google.com}},
  {{- else }}
{name: workload-certs},
  {{- end }}
{{- end }}
{{- define "volumes" }}
{name: istio-data, emptyDir: {}},
  {{- $labels := dict "path" "labels" "fieldRef" (dict "fieldPath" "metadata.labels") }}
  {{- $annotations := dict "path" "annotations" "fieldRef" (dict "fieldPath" "metadata.annotations") }}
{name: istio-podinfo, downwardAPI: {items: {{ list $labels $annotations | toJson }}}},
  {{- $token := dict "path" "istio-token" "expirationSeconds" 43200 "audience" .Values.global.sds.token.aud }}
{name: istio-token, projected: {sources: [{serviceAccountToken: {{ toJson $token }}}]}},
  {{- if eq .Values.global.pilotCertProvider "istiod" }}{{ template "root certificate" . }}{{ end }}
  {{- if .Values.global.mountMtlsCerts }}
    {{- $secret := print "istio." (.Spec.ServiceAccountName | default "default") }}
{name: istio-certs, secret: {optional: true, secretName: {{ quote $secret }}}},
  {{- end }}
{{- end }}
{{- define "pull secrets" }}
  {{- with .Values.global.imagePullSecrets }}
  imagePullSecrets: [{{ range . }}{name: {{ quote . }}}, {{ end }}]
  {{- end }}
{{- end }}
"""
"""What proxies mount, and the volumes of a pod."""

ALL: Final = IMAGE + RESOURCES + IDENTITY + WORKLOAD + NAMES + ARGUMENTS + STORAGE
"""Every definition."""
