"""Our own templates for what the Gateway API deploys: `kube-gateway` and `waypoint`.

Text only. Their data are a Gateway and what it stands for, not a pod: `.Name`, `.Namespace`, `.UID`,
`.DeploymentName`, `.ServiceAccount`, `.GatewayClass`, `.GatewayNameLabel`, `.ControllerLabel`, `.InfrastructureLabels`
and `.InfrastructureAnnotations`, `.Ports`, `.ServiceType`, `.Spec`, beside the values and the mesh.
Source: injection behaviour 4, 9.3.
"""

from typing import Final

from webhook.injection.templates import parts

_OBJECTS: Final = """
{{- define "owner" }}
  - {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, name: {{ quote .Name }}, uid: {{ quote .UID }}}
{{- end }}
{{- define "copied annotations" }}
  {{- omit .InfrastructureAnnotations "kubectl.kubernetes.io/last-applied-configuration"
    "gateway.istio.io/name-override" "gateway.istio.io/service-account" "gateway.istio.io/controller-version"
    | toJson }}
{{- end }}
{{- define "object" }}
metadata:
  name: {{ quote .DeploymentName }}
  namespace: {{ quote .Namespace }}
  annotations: {{ template "copied annotations" . }}
  labels: {{ template "object labels" . }}
  ownerReferences:
  {{- template "owner" . }}
{{- end }}
{{- define "object labels" }}
  {{- $class := strdict "gateway.networking.k8s.io/gateway-class-name" .GatewayClass }}
  {{- toJsonMap .InfrastructureLabels (strdict "gateway.networking.k8s.io/gateway-name" .Name) $class }}
{{- end }}
{{- define "ports" }}
  {{- range .Ports }}
  - {name: {{ quote .Name }}, port: {{ .Port }}, protocol: TCP, appProtocol: {{ quote .AppProtocol }}}
  {{- end }}
{{- end }}
{{- define "other objects" }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{- template "object" . }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ quote .DeploymentName }}}
  maxReplicas: 1
---
apiVersion: policy/v1
kind: PodDisruptionBudget
{{- template "object" . }}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: {{ quote .Name }}}}
{{- end }}
{{- define "service spec" }}
spec:
  type: {{ quote .ServiceType }}
  ipFamilyPolicy: PreferDualStack
  selector: {{ dict .GatewayNameLabel .Name | toJson }}
  {{- if and .Spec.Addresses (eq .ServiceType "LoadBalancer") }}
  loadBalancerIP: {{ quote (index .Spec.Addresses 0).Value }}
  {{- end }}
  ports:
  {{- template "ports" . }}
{{- end }}
{{- define "long log arguments" }}
  {{- $proxy := annotation .ObjectMeta "sidecar.istio.io/logLevel" .Values.global.proxy.logLevel }}
  {{- $parts := annotation .ObjectMeta "sidecar.istio.io/componentLogLevel" .Values.global.proxy.componentLogLevel }}
  {{- $agent := annotation .ObjectMeta "sidecar.istio.io/agentLogLevel" .Values.global.logging.level }}
"--proxyLogLevel", {{ quote $proxy }},
"--proxyComponentLogLevel", {{ quote $parts }},
"--log_output_level", {{ quote $agent }},
  {{- if .Values.global.logAsJson }}"--log_as_json",{{ end }}
{{- end }}
{{- define "deployed workload" }}
  {{- $owner := list "kubernetes://apis/apps/v1/namespaces" .Namespace "deployments" .DeploymentName }}
{name: ISTIO_META_WORKLOAD_NAME, value: {{ quote .DeploymentName }}},
{name: ISTIO_META_OWNER, value: {{ join "/" $owner | quote }}},
{{- end }}
{{- define "probes" }}
        startupProbe:
          httpGet: {path: /healthz/ready, port: 15021, scheme: HTTP}
          initialDelaySeconds: 1
          periodSeconds: 1
          successThreshold: 1
          timeoutSeconds: 1
          failureThreshold: 30
        readinessProbe:
          httpGet: {path: /healthz/ready, port: 15021, scheme: HTTP}
          periodSeconds: 15
          successThreshold: 1
          timeoutSeconds: 1
          failureThreshold: 4
{{- end }}
{{- define "proxy ports" }}
        - {containerPort: 15020, name: metrics, protocol: TCP}
        - {containerPort: 15021, name: status-port, protocol: TCP}
        - {containerPort: 15090, name: http-envoy-prom, protocol: TCP}
{{- end }}
{{- define "scraping" }}
  {{- $scrape := strdict "prometheus.io/path" "/stats/prometheus" "prometheus.io/port" "15020" }}
  {{- $own := omit .InfrastructureAnnotations "kubectl.kubernetes.io/last-applied-configuration"
    "gateway.istio.io/name-override" "gateway.istio.io/service-account" "gateway.istio.io/controller-version" }}
  {{- $revision := strdict "istio.io/rev" (.Revision | default "default") "prometheus.io/scrape" "true" }}
  {{- toJsonMap $own $revision $scrape }}
{{- end }}
{{- define "networks" }}
  {{- $network := valueOrDefault (index .InfrastructureLabels "topology.istio.io/network") .Values.global.network }}
  {{- with $network }}
{name: ISTIO_META_NETWORK, value: {{ quote . }}},
  {{- end }}
{{- end }}
{{- define "requested view" }}
  {{- with valueOrDefault (index .InfrastructureLabels "topology.istio.io/network") .Values.global.network }}
{name: ISTIO_META_REQUESTED_NETWORK_VIEW, value: {{ quote . }}},
  {{- end }}
{{- end }}
{{- define "account" }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ quote .ServiceAccount }}
  namespace: {{ quote .Namespace }}
  annotations: {{ template "copied annotations" . }}
  labels: {{ template "object labels" . }}
  {{- if ge .KubeVersion 128 }}
  ownerReferences:
  {{- template "owner" . }}
  {{- end }}
---
{{- end }}
"""
"""What both have in common."""

KUBE_GATEWAY: Final = (
    parts.ALL
    + _OBJECTS
    + """
{{- define "deployed labels" }}
  {{- $class := strdict "gateway.networking.k8s.io/gateway-class-name" .GatewayClass }}
  {{- $managed := strdict "gateway.istio.io/managed" "istio.io-gateway-controller" }}
  {{- toJsonMap .InfrastructureLabels (strdict "gateway.networking.k8s.io/gateway-name" .Name) $class $managed }}
{{- end }}
{{- define "pod labels" }}
  {{- $class := strdict "gateway.networking.k8s.io/gateway-class-name" .GatewayClass }}
  {{- $managed := strdict "gateway.istio.io/managed" "istio.io-gateway-controller" }}
  {{- $name := strdict "service.istio.io/canonical-name" .DeploymentName }}
  {{- $name = mergeMaps $name (strdict "service.istio.io/canonical-revision" "latest") }}
  {{- $first := mergeMaps (strdict "sidecar.istio.io/inject" "false") $name }}
  {{- toJsonMap $first .InfrastructureLabels (strdict "gateway.networking.k8s.io/gateway-name" .Name) $class $managed }}
{{- end }}
{{- template "account" . }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ quote .DeploymentName }}
  namespace: {{ quote .Namespace }}
  annotations: {{ template "copied annotations" . }}
  labels: {{ template "deployed labels" . }}
  ownerReferences:
  {{- template "owner" . }}
spec:
  selector: {matchLabels: {{ dict .GatewayNameLabel .Name | toJson }}}
  template:
    metadata:
      annotations: {{ template "scraping" . }}
      labels: {{ template "pod labels" . }}
    spec:
      serviceAccountName: {{ quote .ServiceAccount }}
      securityContext:
      {{- if .Values.gateways.securityContext }} {{ toJson .Values.gateways.securityContext }}
      {{- else }}
        sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]
        {{- with .Values.gateways.seccompProfile }}
        seccompProfile: {{ toJson . }}
        {{- end }}
      {{- end }}
      containers:
      - name: istio-proxy
        image: {{ template "image" . }}
        {{ template "pull policy" . }}
        {{- with .Values.global.proxy.resources }}
        resources: {{ omitNil . | toJson }}
        {{- end }}
        securityContext:
          capabilities: {drop: [ALL]}
          allowPrivilegeEscalation: false
          privileged: false
          readOnlyRootFilesystem: true
          runAsUser: {{ .ProxyUID }}
          runAsGroup: {{ .ProxyGID }}
          runAsNonRoot: true
        ports:
        {{- template "proxy ports" . }}
        args: ["proxy", "router", "--domain", {{ template "domain" . }}, {{ template "long log arguments" . }}]
        {{- with .Values.global.proxy.lifecycle }}
        lifecycle: {{ toJson . }}
        {{- end }}
        env: [
          {{- template "authority" . }}{{ template "where it runs" . }}{{ template "cpu limit" . }}
          {{- template "proxy config" . }}
          {name: ISTIO_META_POD_PORTS, value: "[]"},
          {name: ISTIO_META_APP_CONTAINERS, value: ""},
          {{- template "go limits" . }}
          {name: ISTIO_META_CLUSTER_ID, value: {{
            valueOrDefault .Values.global.multiCluster.clusterName .ClusterID | default "Kubernetes" | quote }}},
          {name: ISTIO_META_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}},
          {name: ISTIO_META_INTERCEPTION_MODE, value: {{ quote .ProxyConfig.InterceptionMode.String }}},
          {{- template "networks" . }}
          {{- if hasKey .InfrastructureLabels "topology.istio.io/network" }}{{ template "requested view" . }}{{ end }}
          {{- template "deployed workload" . }}{{ template "mesh" . }}{{ template "metadata of proxies" . }}
        ]
        {{- template "probes" . }}
        volumeMounts: [{{ template "mounts" . }}
          {name: credential-socket, mountPath: /var/run/secrets/credential-uds},
          {name: istio-envoy, mountPath: /etc/istio/proxy}]
      volumes: [{{ template "sockets" . }}
        {name: credential-socket},
        {name: istio-envoy, emptyDir: {medium: Memory}},
        {{- template "volumes" . }}]
      {{- with .Values.global.imagePullSecrets }}
      imagePullSecrets: [{{ range . }}{name: {{ quote . }}}, {{ end }}]
      {{- end }}
---
apiVersion: v1
kind: Service
{{- template "object" . }}
{{- template "service spec" . }}
{{- template "other objects" . }}
"""
)
"""A gateway of class `istio`."""

WAYPOINT: Final = (
    parts.ALL
    + _OBJECTS
    + """
{{- define "deployed labels" }}
  {{- $class := strdict "gateway.networking.k8s.io/gateway-class-name" .GatewayClass }}
  {{- $managed := strdict "gateway.istio.io/managed" .ControllerLabel }}
  {{- toJsonMap .InfrastructureLabels (strdict "gateway.networking.k8s.io/gateway-name" .Name) $class $managed }}
{{- end }}
{{- define "pod labels" }}
  {{- $class := strdict "gateway.networking.k8s.io/gateway-class-name" .GatewayClass }}
  {{- $managed := strdict "gateway.istio.io/managed" .ControllerLabel }}
  {{- $name := strdict "service.istio.io/canonical-name" .DeploymentName }}
  {{- $name = mergeMaps $name (strdict "service.istio.io/canonical-revision" "latest") }}
  {{- $first := mergeMaps (strdict "sidecar.istio.io/inject" "false" "istio.io/dataplane-mode" "none") $name }}
  {{- toJsonMap $first .InfrastructureLabels (strdict "gateway.networking.k8s.io/gateway-name" .Name) $class $managed }}
{{- end }}
{{- template "account" . }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ quote .DeploymentName }}
  namespace: {{ quote .Namespace }}
  annotations: {{ template "copied annotations" . }}
  labels: {{ template "deployed labels" . }}
  ownerReferences:
  {{- template "owner" . }}
spec:
  selector: {matchLabels: {{ dict .GatewayNameLabel .Name | toJson }}}
  template:
    metadata:
      annotations: {{ template "scraping" . }}
      labels: {{ template "pod labels" . }}
    spec:
      serviceAccountName: {{ quote .ServiceAccount }}
      {{- range $key := list "affinity" "topologySpreadConstraints" "nodeSelector" "tolerations" }}
        {{- with index $.Values.global.waypoint $key }}
      {{ $key }}: {{ toJson . }}
        {{- end }}
      {{- end }}
      containers:
      - name: istio-proxy
        image: {{ template "image" . }}
        {{ template "pull policy" . }}
        ports:
        {{- template "proxy ports" . }}
        args: ["proxy", "waypoint", "--domain", {{ template "domain" . }},
          "--serviceCluster", {{ print .ServiceAccount ".$(POD_NAMESPACE)" | quote }},
          {{- template "long log arguments" . }}
          {{- with .Values.global.proxy.outlierLogPath }}{{ print "--outlierLogPath=" . | quote }}{{ end }}]
        env: [
          {name: ISTIO_META_SERVICE_ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}},
          {name: ISTIO_META_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}},
          {{- template "authority" . }}{{ template "where it runs" . }}{{ template "cpu limit" . }}
          {{- template "proxy config" . }}{{ template "metadata of proxies" . }}{{ template "go limits" . }}
          {{- $cluster := .Values.global.multiCluster.clusterName | default "Kubernetes" }}
          {name: ISTIO_META_CLUSTER_ID, value: {{ quote $cluster }}},
          {{- template "networks" . }}
          {{- if eq .ControllerLabel "istio.io-eastwest-controller" }}{{ template "requested view" . }}{{ end }}
          {name: ISTIO_META_INTERCEPTION_MODE, value: REDIRECT},
          {{- template "deployed workload" . }}{{ template "mesh" . }}
        ]
        {{- with .Values.global.waypoint.resources }}
        resources: {{ omitNil . | toJson }}
        {{- end }}
        {{- template "probes" . }}
        securityContext:
          privileged: false
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          runAsNonRoot: true
          capabilities: {drop: [ALL]}
          {{- if ne (print .Values.global.platform) "openshift" }}
          runAsUser: 1337
          runAsGroup: 1337
          {{- end }}
          {{- with .Values.gateways.seccompProfile }}
          seccompProfile: {{ toJson . }}
          {{- end }}
        volumeMounts:
        - {name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}
        - {name: istiod-ca-cert, mountPath: /var/run/secrets/istio}
        - {name: istio-data, mountPath: /var/lib/istio/data}
        - {name: istio-envoy, mountPath: /etc/istio/proxy}
        - {name: istio-token, mountPath: /var/run/secrets/tokens}
        - {name: istio-podinfo, mountPath: /etc/istio/pod}
      volumes: [{name: workload-socket, emptyDir: {}},
        {name: istio-envoy, emptyDir: {medium: Memory}},
        {name: go-proxy-envoy, emptyDir: {medium: Memory}},
        {name: go-proxy-data, emptyDir: {}},
        {{- template "volumes" . }}]
      {{- with .Values.global.imagePullSecrets }}
      imagePullSecrets: [{{ range . }}{name: {{ quote . }}}, {{ end }}]
      {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ quote .DeploymentName }}
  namespace: {{ quote .Namespace }}
  {{- $near := strdict "networking.istio.io/traffic-distribution" "PreferClose" }}
  {{- $own := omit .InfrastructureAnnotations "kubectl.kubernetes.io/last-applied-configuration"
    "gateway.istio.io/name-override" "gateway.istio.io/service-account" "gateway.istio.io/controller-version" }}
  annotations: {{ toJsonMap $near $own }}
  labels: {{ template "object labels" . }}
  ownerReferences:
  {{- template "owner" . }}
{{- template "service spec" . }}
{{- template "other objects" . }}
"""
)
"""A waypoint, or the gateway between networks."""
