import { chartSettings } from "#harness/semantics/chart-settings.ts";

/**
 * What charts of 1.18 to 1.20 write to cilium-config without values of an operator, as `key=value`
 * (templates/cilium-configmap.yaml with values.yaml of 1.19.7 and 1.20.2; what differs between charts is in the table of
 * chart settings).
 */
const written = `
bpf-distributed-lru=false bpf-events-drop-enabled=true bpf-events-policy-verdict-enabled=true
bpf-events-trace-enabled=true bpf-lb-acceleration=disabled bpf-lb-algorithm-annotation=false
bpf-lb-external-clusterip=false bpf-lb-map-max=65536 bpf-lb-mode-annotation=false bpf-lb-sock=false
bpf-lb-source-range-all-types=false bpf-map-dynamic-size-ratio=0.0025 bpf-policy-map-max=16384
bpf-policy-stats-map-max=65536 cilium-endpoint-gc-interval=5m0s clustermesh-mcs-api-install-crds=true
datapath-mode=veth datapath-plugins-state-dir=/var/run/cilium/plugins default-lb-service-ipam=lbipam devices=
direct-routing-skip-unreachable=false dnsproxy-enable-transparent-mode=true dnsproxy-socket-linger-timeout=10
egress-gateway-reconciliation-trigger-interval=1s enable-auto-protect-node-port-range=true
enable-bpf-clock-probe=false enable-datapath-plugins=false enable-drift-checker=true enable-dynamic-config=true
enable-dynamic-source-lookup-nodeport=false enable-endpoint-health-checking=true
enable-endpoint-lockdown-on-policy-overflow=false enable-health-check-loadbalancer-ip=false
enable-health-check-nodeport=true enable-health-checking=true enable-host-firewall=false
enable-ipv4-big-tcp=false enable-ipv4-masquerade=true enable-ipv6-big-tcp=false enable-ipv6-masquerade=true
enable-k8s-networkpolicy=true enable-l2-neigh-discovery=false enable-lb-ipam=true
enable-masquerade-to-route-source=false enable-no-service-endpoints-routable=true
enable-node-selector-labels=false enable-non-default-deny-policies=true enable-sctp=false
enable-service-topology=false enable-source-ip-verification=true enable-tcx=true enable-tunnel-big-tcp=false
enable-vtep=false enable-well-known-identities=false enable-xt-socket-fallback=true
health-check-icmp-failure-threshold=3 identity-gc-interval=15m0s identity-heartbeat-timeout=30m0s
identity-management-mode=agent install-no-conntrack-iptables-rules=false ipam-cilium-node-update-rate=15s
iptables-random-fully=false k8s-require-ipv4-pod-cidr=false k8s-require-ipv6-pod-cidr=false
kube-proxy-replacement-healthz-bind-address= mesh-auth-enabled=false mesh-auth-gc-interval=5m0s
mesh-auth-queue-size=1024 mesh-auth-rotated-identities-queue-size=1024 monitor-aggregation=medium
monitor-aggregation-flags=all monitor-aggregation-interval=5s nat-map-stats-entries=32
nat-map-stats-interval=30s node-port-bind-protection=true nodeport-addresses= nodes-gc-interval=5m0s
packetization-layer-pmtud-mode=blackhole policy-cidr-match-mode= policy-deny-response=none
preallocate-bpf-maps=false service-no-backend-response=reject synchronize-k8s-nodes=true
tofqdns-dns-reject-response-code=refused tofqdns-enable-dns-compression=true
tofqdns-endpoint-max-ip-per-hostname=1000 tofqdns-idle-connection-grace-period=0s
tofqdns-max-deferred-connection-deletes=10000 tofqdns-preallocate-identities=true
tofqdns-proxy-response-max-delay=100ms tunnel-source-port-range=0-0 unmanaged-pod-watcher-interval=15s
vtep-cidr= vtep-endpoint= vtep-mac= vtep-mask=
`;

/**
 * What these charts write, with no more said of it, beside a feature that is on: Ingress, Gateway API, BGP or the
 * bandwidth manager. The feature has a line of its own.
 */
const besideFeatures = `
bgp-router-id-allocation-ip-pool= bgp-router-id-allocation-mode=default bgp-secrets-namespace=kube-system
enable-bbr-hostns-only=false enable-bgp-control-plane-status-report=true
enable-bgp-legacy-origin-attribute=false enable-envoy-config=true enable-gateway-api-alpn=false
enable-gateway-api-app-protocol=false enable-gateway-api-proxy-protocol=false
enable-gateway-api-secrets-sync=true enable-ingress-proxy-protocol=false enable-ingress-secrets-sync=true
enforce-ingress-https=true gateway-api-hostnetwork-enabled=false gateway-api-secrets-namespace=cilium-secrets
gateway-api-service-externaltrafficpolicy=Cluster gateway-api-use-remote-address=true
gateway-api-xff-num-trusted-hops=0 ingress-default-lb-mode=dedicated ingress-hostnetwork-enabled=false
ingress-hostnetwork-shared-listener-port=8080 ingress-secrets-namespace=cilium-secrets
ingress-shared-lb-service-name=cilium-ingress
`;

/**
 * What agents do where these charts write nothing: a ConfigMap kept by hand, or `cilium config set`, may have it
 * (Documentation/cmdref/cilium-agent.md of 1.18.11, 1.19.7 and 1.20.2; pkg/kpr/kpr.go of 1.18.11 and the
 * chart of 1.14 for the second list, of agents before 1.19, which may be left in a ConfigMap).
 */
const unwritten = `
identity-allocation-mode=crd underlay-protocol=auto underlay-protocol=ipv4 mtu=0 labels= tunnel-port=0
cni-chaining-mode=none agent-health-port=9879 auto-create-cilium-node-resource=true bpf-auth-map-max=524288
bpf-conntrack-accounting=false bpf-ct-global-any-max=262144 bpf-ct-global-tcp-max=524288 bpf-lb-algorithm=random
bpf-lb-dsr-dispatch=opt bpf-lb-mode=snat bpf-lb-maglev-hash-seed=JLfvgnHc2kaSUFaI bpf-lb-maglev-table-size=16381
bpf-lb-sock-hostns-only=false bpf-lb-sock-terminate-pod-connections=true bpf-nat-global-max=524288
bpf-neigh-global-max=524288 bpf-node-map-max=16384 bpf-policy-map-pressure-metrics-threshold=0.1
cluster-health-port=4240 cni-external-routing=false conntrack-gc-max-interval=0s crd-wait-timeout=5m0s
disable-endpoint-crd=false disable-envoy-version-check=false disable-external-ip-mitigation=false
dns-policy-unload-on-shutdown=false egress-gateway-policy-map-max=16384 enable-bandwidth-manager=false
enable-bbr=false enable-bgp-control-plane=false enable-bpf-masquerade=false enable-bpf-tproxy=false
enable-cilium-endpoint-slice=false enable-egress-gateway=false enable-encryption-strict-mode=false
enable-encryption-strict-mode-egress=false enable-encryption-strict-mode-ingress=false
enable-endpoint-routes=false enable-envoy-config=false enable-gateway-api=false enable-host-legacy-routing=false
enable-identity-mark=true enable-ingress-controller=false enable-ip-masq-agent=false
enable-ipv4-fragment-tracking=true enable-l2-pod-announcements=false enable-local-node-route=true
enable-local-redirect-policy=false enable-nat46x64-gateway=false enable-node-ipam=false
enable-pmtu-discovery=false enable-route-mtu-for-cni-chaining=false enable-srv6=false
enable-standalone-dns-proxy=false enable-ztunnel=false
encryption-strict-egress-allow-remote-node-identities=false
encryption-strict-mode-allow-remote-node-identities=false endpoint-policy-update-timeout=10s
force-device-detection=false identity-change-grace-period=5s install-uplink-routes-for-delegated-ipam=false
ip-tracing-option-type=0 ipam-multi-pool-pre-allocation=default=8 iptables-lock-timeout=5s
node-port-range=30000,32767 policy-audit-mode=false prefer-ipv6=false tofqdns-min-ttl=0 tofqdns-proxy-port=0
trace-sock=true
`;
const beforeNineteen = `
enable-external-ips=false enable-high-scale-ipcache=false enable-host-port=false
enable-ipv4-egress-gateway=false enable-remote-node-identity=true enable-runtime-device-detection=true
enable-session-affinity=true enable-svc-source-range-check=true arping-refresh-period=30s
disable-cnp-status-updates=true skip-cnp-status-startup-clean=false enable-l2-neigh-discovery=true
sidecar-istio-proxy-image=cilium/istio_proxy enable-k8s-terminating-endpoint=true
unmanaged-pod-watcher-interval=15 tofqdns-endpoint-max-ip-per-hostname=50
`;

/**
 * Settings that say nothing of a lab: those that it sets itself, those of Cilium's own pods, files and metrics, and those
 * that the plan tells elsewhere (names, ids, pools, encryption).
 */
const ofNoLab =
  /^(cluster-(name|id|pool-.*)|enable-(hubble|metrics|l7-proxy|l2-announcements|wireguard|ipsec|policy-secrets)(-.*)?|external-envoy-proxy|(hubble|operator|prometheus|metrics|proxy|envoy|http|cni-exclusive|cni-log-file|debug|k8s-client|l2-announcements|wireguard|ipsec|encrypt|policy-secrets|connectivity-probe|agent-not-ready|set-cilium|remove-cilium|write-cni|custom-cni|annotate-k8s|ingress-lb-annotation-prefixes|controller-group|procfs|sysctl|identity-gc|ces)(-.*)?|debug|log-.*|pprof.*|gops-.*|bpf-root|cgroup-root|read-cni-conf|monitor-.*|.*-gc-interval|.*-prometheus-.*)$/;

const defaults: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [
    ...Map.groupBy(
      [
        ...[written, besideFeatures, unwritten, beforeNineteen]
          .flatMap((list) => list.trim().split(/\s+/))
          .map((pair): [string, string] => {
            const at = pair.indexOf("=");
            return [pair.slice(0, at), pair.slice(at + 1)];
          }),
        ...chartSettings.flatMap(({ setting, defaults: own }) =>
          setting === undefined ? [] : Object.values(own).map((v): [string, string] => [setting, v ?? ""]),
        ),
      ],
      ([key]) => key,
    ),
  ].map(([key, pairs]) => [key, new Set(pairs.map(([, value]) => value))]),
);

/** Whether a setting of cilium-config is one that no chart writes by itself and that a lab could have. */
export const isSetByOperator = (key: string, value: string): boolean =>
  !ofNoLab.test(key) && !(defaults.get(key)?.has(value) ?? value === "");
