"""Our own templates for pods: `sidecar`, `gateway`, `grpc-agent`, `grpc-simple`.

Text only, for installations that bring none: the same containers, ports, variables, mounts and volumes that Istio's
images expect. Source: injection behaviour 3 and 4.
"""

from typing import Final

from webhook.injection.templates import parts

_TRAFFIC: Final = """
{{- define "setup arguments" }}
  {{- $meta := .ObjectMeta }}{{ $proxy := .Values.global.proxy }}{{ $own := .ObjectMeta.Annotations }}
  {{- $mode := annotation $meta "sidecar.istio.io/interceptionMode" .ProxyConfig.InterceptionMode }}
  {{- $user := ternary "1337" (print .ProxyUID) (eq $mode "TPROXY") }}
"istio-iptables",
"-p", {{ quote .MeshConfig.ProxyListenPort }},
"-z", {{ quote .MeshConfig.ProxyInboundListenPort }},
"-u", {{ quote $user }},
"-m", {{ quote $mode }},
"-i", {{ annotation $meta "traffic.sidecar.istio.io/includeOutboundIPRanges" $proxy.includeIPRanges | quote }},
"-x", {{ annotation $meta "traffic.sidecar.istio.io/excludeOutboundIPRanges" $proxy.excludeIPRanges | quote }},
"-b", {{ annotation $meta "traffic.sidecar.istio.io/includeInboundPorts" $proxy.includeInboundPorts | quote }},
  {{- $status := annotation $meta "status.sidecar.istio.io/port" $proxy.statusPort }}
  {{- $excluded := annotation $meta "traffic.sidecar.istio.io/excludeInboundPorts" $proxy.excludeInboundPorts }}
"-d", {{ compact (list "15090" "15021" (excludeInboundPort $status $excluded)) | join "," | quote }},
  {{- $wider := annotation $meta "traffic.sidecar.istio.io/includeOutboundPorts" $proxy.includeOutboundPorts }}
  {{- if or (hasKey $own "traffic.sidecar.istio.io/includeOutboundPorts") $proxy.includeOutboundPorts }}
"-q", {{ quote $wider }},
  {{- end }}
  {{- $past := annotation $meta "traffic.sidecar.istio.io/excludeOutboundPorts" $proxy.excludeOutboundPorts }}
  {{- if or (hasKey $own "traffic.sidecar.istio.io/excludeOutboundPorts") $proxy.excludeOutboundPorts }}
"-o", {{ quote $past }},
  {{- end }}
  {{- if hasKey $own "istio.io/reroute-virtual-interfaces" }}
"-k", {{ index $own "istio.io/reroute-virtual-interfaces" | quote }},
  {{- else if hasKey $own "traffic.sidecar.istio.io/kubevirtInterfaces" }}
"-k", {{ index $own "traffic.sidecar.istio.io/kubevirtInterfaces" | quote }},
  {{- end }}
  {{- if hasKey $own "traffic.sidecar.istio.io/excludeInterfaces" }}
"-c", {{ index $own "traffic.sidecar.istio.io/excludeInterfaces" | quote }},
  {{- end }}
  {{- $level := annotation $meta "sidecar.istio.io/agentLogLevel" .Values.global.logging.level }}
{{ print "--log_output_level=" $level | quote }},
  {{- if .Values.global.logAsJson }}"--log_as_json",{{ end }}
  {{- if .Values.pilot.cni.enabled }}"--run-validation", "--skip-rule-apply",
  {{- else if .Values.global.proxy_init.forceApplyIptables }}"--force-apply",{{ end }}
  {{- if .Values.global.nativeNftables }}"--native-nftables",{{ end }}
{{- end }}
{{- define "setup" }}
  {{- $cni := .Values.pilot.cni.enabled }}
  {{- $mode := annotation .ObjectMeta "sidecar.istio.io/interceptionMode" .ProxyConfig.InterceptionMode }}
  {{- $image := annotation .ObjectMeta "sidecar.istio.io/proxyImage" .Values.global.proxy_init.image }}
  - name: {{ ternary "istio-validation" "istio-init" (eq $cni true) }}
    image: {{ ternary $image .ProxyImage (contains "/" $image) | quote }}
    {{ template "pull policy" . }}
    args: [{{ template "setup arguments" . }}]
    env: [{{ template "metadata of proxies" . }}]
    resources: {{ template "resources" . }}
    securityContext:
      allowPrivilegeEscalation: {{ .Values.global.proxy.privileged }}
      privileged: {{ .Values.global.proxy.privileged }}
      {{- with .Values.global.proxy.seccompProfile }}
      seccompProfile: {{ toJson . }}
      {{- end }}
      {{- if $cni }}
      capabilities: {drop: [ALL]}
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      runAsUser: {{ ternary 1337 .ProxyUID (eq $mode "TPROXY") }}
      runAsGroup: {{ ternary 1337 .ProxyGID (eq $mode "TPROXY") }}
      {{- else }}
      capabilities: {add: [NET_ADMIN, NET_RAW], drop: [ALL]}
      readOnlyRootFilesystem: false
      runAsNonRoot: false
      runAsUser: 0
      runAsGroup: 0
      {{- end }}
{{- end }}
{{- define "told to CNI" }}
  {{- $meta := .ObjectMeta }}{{ $proxy := .Values.global.proxy }}{{ $own := .ObjectMeta.Annotations }}
  {{- if eq .Values.pilot.cni.provider "multus" }}
    {{- $networks := index $own "k8s.v1.cni.cncf.io/networks" }}
    k8s.v1.cni.cncf.io/networks: {{ appendMultusNetwork $networks "default/istio-cni" | quote }}
  {{- end }}
    sidecar.istio.io/interceptionMode: {{
      annotation $meta "sidecar.istio.io/interceptionMode" .ProxyConfig.InterceptionMode | quote }}
  {{- $status := annotation $meta "status.sidecar.istio.io/port" $proxy.statusPort }}
  {{- $excluded := annotation $meta "traffic.sidecar.istio.io/excludeInboundPorts" $proxy.excludeInboundPorts }}
    traffic.sidecar.istio.io/excludeInboundPorts: {{ excludeInboundPort $status $excluded | quote }}
    traffic.sidecar.istio.io/includeInboundPorts: {{
      annotation $meta "traffic.sidecar.istio.io/includeInboundPorts" $proxy.includeInboundPorts | quote }}
  {{- $told := dict "includeOutboundIPRanges" $proxy.includeIPRanges "excludeOutboundIPRanges" $proxy.excludeIPRanges }}
  {{- $_ := set $told "includeOutboundPorts" $proxy.includeOutboundPorts }}
  {{- $_ := set $told "excludeOutboundPorts" $proxy.excludeOutboundPorts }}
  {{- $_ := set $told "kubevirtInterfaces" "" }}{{ $_ := set $told "excludeInterfaces" "" }}
  {{- range $name, $default := $told }}
    {{- $key := print "traffic.sidecar.istio.io/" $name }}
    {{- $value := annotation $meta $key (valueOrDefault $default "") }}
    {{- if or $value (and (hasKey $own $key) (hasSuffix "Ports" $name)) }}
    {{ $key }}: {{ quote $value }}
    {{- end }}
  {{- end }}
  {{- with index $own "istio.io/reroute-virtual-interfaces" }}
    istio.io/reroute-virtual-interfaces: {{ quote . }}
  {{- end }}
{{- end }}
"""
"""How traffic is led to a sidecar."""

SIDECAR: Final = (
    parts.ALL
    + _TRAFFIC
    + """
{{- $own := .ObjectMeta.Annotations }}{{ $labels := .ObjectMeta.Labels }}{{ $proxy := .Values.global.proxy }}
{{- $mode := annotation .ObjectMeta "sidecar.istio.io/interceptionMode" .ProxyConfig.InterceptionMode }}
{{- $native := ne (index $own "sidecar.istio.io/nativeSidecar" | default (print .NativeSidecars)) "false" }}
{{- $hold := or .ProxyConfig.HoldApplicationUntilProxyStarts.GetValue $proxy.holdApplicationUntilProxyStarts }}
{{- $tproxy := eq $mode "TPROXY" }}
{{- $binds := eq (annotation .ObjectMeta "sidecar.istio.io/capNetBindService" $proxy.capNetBindService) "true" }}
{{- $traced := eq (index .ProxyConfig.ProxyMetadata "IPTABLES_TRACE_LOGGING") "true" }}
{{- $added := list }}
{{- if or $tproxy $traced }}{{ $added = append $added "NET_ADMIN" }}{{ end }}
{{- if and $binds (not $traced) }}{{ $added = append $added "NET_BIND_SERVICE" }}{{ end }}
metadata:
  labels:
    security.istio.io/tlsMode: {{ index $labels "security.istio.io/tlsMode" | default "istio" | quote }}
    {{- if eq (index .ProxyConfig.ProxyMetadata "ISTIO_META_ENABLE_HBONE") "true" }}
    networking.istio.io/tunnel: {{ index $labels "networking.istio.io/tunnel" | default "http" | quote }}
    {{- end }}
    {{- template "canonical labels" . }}
  annotations:
    {{- template "first container" . }}
    {{- if .Values.pilot.cni.enabled }}{{ template "told to CNI" . }}{{ end }}
spec:
  {{- if or $native (ne $mode "NONE") }}
  initContainers:
  {{- end }}
  {{- if ne $mode "NONE" }}{{ template "setup" . }}{{ end }}
  {{- if not $native }}
  containers:
  {{- end }}
  - name: istio-proxy
    image: {{ template "image" . }}
    {{ template "pull policy" . }}
    {{ if $native }}restartPolicy: Always{{ end }}
    ports: [{containerPort: 15090, protocol: TCP, name: http-envoy-prom}]
    args: ["proxy", "sidecar", "--domain", {{ template "domain" . }}, {{ template "log arguments" . }}
      {{- with $proxy.outlierLogPath }}{{ print "--outlierLogPath=" . | quote }},{{ end }}]
    {{- if $proxy.lifecycle }}
    lifecycle: {{ toJson $proxy.lifecycle }}
    {{- else if and $hold (not $native) }}
    lifecycle: {postStart: {exec: {command: [pilot-agent, wait]}}}
    {{- else if $native }}
      {{- $port := annotation .ObjectMeta "status.sidecar.istio.io/port" $proxy.statusPort }}
      {{- $command := list "pilot-agent" "request" (print "--debug-port=" $port) "POST" "drain" }}
    lifecycle: {preStop: {exec: {command: {{ toJson $command }}}}}
    {{- end }}
    env: [
      {{- if eq .InboundTrafficPolicyMode "localhost" }}
      {name: REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION, value: "true"},
      {{- end }}
      {{- template "authority" . }}{{ template "where it runs" . }}{{ template "cpu limit" . }}
      {{- template "proxy config" . }}{{ template "application" . }}{{ template "go limits" . }}
      {{- template "compliance" . }}{{ template "cluster" . }}
      {name: ISTIO_META_INTERCEPTION_MODE, value: {{ quote $mode }}},
      {{- template "network" . }}{{ template "workload" . }}
      {{- template "bootstrap variable" . }}{{ template "mesh" . }}{{ template "metadata of proxies" . }}
    ]
    {{- template "readiness" . }}
    {{- $port := annotation .ObjectMeta "status.sidecar.istio.io/port" $proxy.statusPort }}
    {{- if and $proxy.startupProbe.enabled (ne $port "0") }}
    startupProbe:
      httpGet: {path: /healthz/ready, port: 15021}
      periodSeconds: 1
      timeoutSeconds: 3
      failureThreshold: {{ $proxy.startupProbe.failureThreshold }}
    {{- end }}
    resources: {{ template "resources" . }}
    securityContext:
      allowPrivilegeEscalation: {{ or $traced $proxy.privileged }}
      privileged: {{ or $traced $proxy.privileged }}
      capabilities: {drop: [ALL] {{- with $added }}, add: {{ toJson . }}{{ end }}}
      readOnlyRootFilesystem: true
      runAsNonRoot: {{ not $added }}
      runAsUser: {{ ternary 0 .ProxyUID (not (empty $added)) }}
      runAsGroup: {{ ternary 1337 .ProxyGID (and (not (empty $added)) (not $traced)) }}
      {{- with $proxy.seccompProfile }}
      seccompProfile: {{ toJson . }}
      {{- end }}
    volumeMounts: [{{ template "mounts" . }}
      {name: credential-socket, mountPath: /var/run/secrets/credential-uds},
      {name: istio-envoy, mountPath: /etc/istio/proxy},
      {{- if eq .Values.global.pilotCertProvider "istiod" }}
      {name: istio-ca-crl, mountPath: /var/run/secrets/istio/crl},
      {{- end }}
      {{- template "bootstrap mount" . }}{{ template "user mounts" . }}]
  volumes: [{{ template "sockets" . }}
    {name: credential-socket},
    {name: istio-envoy, emptyDir: {medium: Memory}},
    {{- template "volumes" . }}
    {{- $revoked := .Values.pilot.crlConfigMapName | default "istio-ca-crl" }}
    {name: istio-ca-crl, configMap: {name: {{ quote $revoked }}, optional: true}},
    {{- template "bootstrap volume" . }}{{ template "user volumes" . }}]
{{- template "pull secrets" . }}
"""
)
"""A proxy beside an application."""

GATEWAY: Final = (
    parts.ALL
    + """
metadata:
  labels:
    {{- template "canonical labels" . }}
  annotations:
    {{- template "first container" . }}
spec:
  securityContext:
  {{- if .Values.gateways.securityContext }} {{ toJson .Values.gateways.securityContext }}
  {{- else }} {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]}
  {{- end }}
  containers:
  - name: istio-proxy
    image: {{ template "image" . }}
    {{ template "pull policy" . }}
    ports: [{containerPort: 15090, protocol: TCP, name: http-envoy-prom}]
    args: ["proxy", "router", "--domain", {{ template "domain" . }}, {{ template "log arguments" . }}]
    {{- with .Values.global.proxy.lifecycle }}
    lifecycle: {{ toJson . }}
    {{- end }}
    securityContext: {runAsUser: {{ .ProxyUID }}, runAsGroup: {{ .ProxyGID }}}
    env: [
      {{- template "authority" . }}{{ template "where it runs" . }}{{ template "cpu limit" . }}
      {{- template "proxy config" . }}{{ template "application" . }}{{ template "go limits" . }}
      {{- template "compliance" . }}{{ template "cluster" . }}
      {name: ISTIO_META_INTERCEPTION_MODE, value: {{ quote .ProxyConfig.InterceptionMode.String }}},
      {{- template "network" . }}{{ template "workload" . }}{{ template "bootstrap variable" . }}
      {{- template "mesh" . }}{{ template "metadata of proxies" . }}
    ]
    readinessProbe:
      httpGet: {path: /healthz/ready, port: 15021}
    {{- template "patience" . }}
    volumeMounts: [{{ template "mounts" . }}
      {name: credential-socket, mountPath: /var/run/secrets/credential-uds},
      {name: istio-envoy, mountPath: /etc/istio/proxy},
      {{- template "bootstrap mount" . }}{{ template "user mounts" . }}]
  volumes: [{{ template "sockets" . }}
    {name: credential-socket},
    {name: istio-envoy, emptyDir: {medium: Memory}},
    {{- template "volumes" . }}{{ template "bootstrap volume" . }}{{ template "user volumes" . }}]
{{- template "pull secrets" . }}
"""
)
"""A proxy that is the application."""

GRPC_AGENT: Final = (
    parts.ALL
    + """
metadata:
  labels:
    {{- template "canonical labels" . }}
  annotations:
    {{- template "first container" . }}
    sidecar.istio.io/rewriteAppHTTPProbers: "false"
spec:
  containers:
  - name: istio-proxy
    image: {{ template "image" . }}
    {{ template "pull policy" . }}
    ports: [{containerPort: 15020, protocol: TCP, name: mesh-metrics}]
    args: ["proxy", "sidecar", "--domain", {{ template "domain" . }}, {{ template "log arguments" . }}]
    lifecycle: {postStart: {exec: {command: [pilot-agent, wait, "--url=http://localhost:15020/healthz/ready"]}}}
    env: [
      {name: ISTIO_META_GENERATOR, value: grpc},
      {name: OUTPUT_CERTS, value: /var/lib/istio/data},
      {{- if eq .InboundTrafficPolicyMode "localhost" }}
      {name: REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION, value: "true"},
      {{- end }}
      {{- template "authority" . }}{{ template "where it runs" . }}
      {{- template "proxy config" . }}{{ template "application" . }}{{ template "cluster" . }}
      {{- template "network" . }}{{ template "workload" . }}{{ template "mesh" . }}
      {{- template "metadata of proxies" . }}
      {name: ISTIO_META_DNS_CAPTURE, value: "false"},
      {name: DISABLE_ENVOY, value: "true"},
    ]
    readinessProbe:
      httpGet: {path: /healthz/ready, port: 15020}
    {{- template "patience" . }}
    resources: {{ template "resources" . }}
    volumeMounts: [{{ template "mounts" . }}
      {name: istio-xds, mountPath: /etc/istio/proxy},
      {{- template "user mounts" . }}]
  {{- range .Spec.Containers }}
    {{- if ne .Name "istio-proxy" }}
  - name: {{ quote .Name }}
    env:
    - {name: GRPC_XDS_EXPERIMENTAL_SECURITY_SUPPORT, value: "true"}
    - {name: GRPC_XDS_BOOTSTRAP, value: /etc/istio/proxy/grpc-bootstrap.json}
    volumeMounts:
    - {name: istio-data, mountPath: /var/lib/istio/data}
    - {name: istio-xds, mountPath: /etc/istio/proxy}
      {{- if eq $.Values.global.caName "GkeWorkloadCertificate" }}
    - {name: gke-workload-certificate, mountPath: /var/run/secrets/workload-spiffe-credentials, readOnly: true}
      {{- else }}
    - {name: workload-certs, mountPath: /var/run/secrets/workload-spiffe-credentials}
      {{- end }}
    {{- end }}
  {{- end }}
  volumes: [{{ template "sockets" . }}
    {name: istio-xds, emptyDir: {medium: Memory}},
    {{- template "volumes" . }}{{ template "user volumes" . }}]
{{- template "pull secrets" . }}
"""
)
"""gRPC applications that are proxies themselves, and an agent for their certificates."""

GRPC_SIMPLE: Final = """
{{- $bootstrap := "/var/lib/grpc/data/bootstrap.json" }}
metadata:
  annotations:
    sidecar.istio.io/rewriteAppHTTPProbers: "false"
spec:
  initContainers:
  - name: grpc-bootstrap-init
    image: busybox:1.28
    volumeMounts:
    - {name: grpc-io-proxyless-bootstrap, mountPath: /var/lib/grpc/data/}
    env:
    - {name: INSTANCE_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    - {name: ISTIO_NAMESPACE, value: {{ quote .Values.global.istioNamespace }}}
    command:
    - sh
    - "-c"
    - >-
      printf '{"xds_servers":[{"server_uri":"dns:///istiod.%s.svc:15010","channel_creds":[{"type":"insecure"}],
      "server_features":["xds_v3"]}],"node":{"id":"sidecar~%s~%s.%s~cluster.local","metadata":{"GENERATOR":"grpc"}}}'
      "$ISTIO_NAMESPACE" "$INSTANCE_IP" "$POD_NAME" "$POD_NAMESPACE" > {{ $bootstrap }}
  containers:
  {{- range .Spec.Containers }}
  - name: {{ quote .Name }}
    env:
    - {name: GRPC_XDS_BOOTSTRAP, value: {{ $bootstrap }}}
    - {name: GRPC_GO_LOG_VERBOSITY_LEVEL, value: "99"}
    - {name: GRPC_GO_LOG_SEVERITY_LEVEL, value: info}
    volumeMounts:
    - {name: grpc-io-proxyless-bootstrap, mountPath: /var/lib/grpc/data/}
  {{- end }}
  volumes:
  - {name: grpc-io-proxyless-bootstrap, emptyDir: {}}
"""
"""gRPC applications that speak xDS in plaintext: a bootstrap file and nothing else."""
