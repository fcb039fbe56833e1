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

/** What the agents do where the chart writes nothing. */
const unwritten = `
identity-allocation-mode=crd underlay-protocol=auto underlay-protocol=ipv4 mtu=0 enable-endpoint-routes=false enable-cilium-endpoint-slice=false
enable-node-port=true enable-external-ips=true enable-host-port=true enable-session-affinity=true
enable-bgp-control-plane=false enable-bandwidth-manager=false enable-ipv4-egress-gateway=false enable-bbr=false
enable-local-redirect-policy=false enable-bpf-masquerade=false enable-ip-masq-agent=false enable-srv6=false
enable-ingress-controller=false enable-gateway-api=false enable-envoy-config=false enable-runtime-device-detection=true
enable-svc-source-range-check=true enable-remote-node-identity=true enable-auto-direct-routing=false labels=
bpf-lb-mode=snat bpf-lb-algorithm=random bpf-lb-dsr-dispatch=opt bpf-lb-sock-hostns-only=false tunnel-port=0
enable-high-scale-ipcache=false enable-pmtu-discovery=false enable-encryption-strict-mode=false
bpf-lb-sock-terminate-pod-connections=false enable-l2-pod-announcements=false cni-chaining-mode=none
`;

/**
 * Settings that say nothing of a lab: those that it sets itself, those of Cilium's own pods, files and metrics, and those
 * that the plan tells elsewhere (names, ids, pools, encryption).
 */
const ofNoLab =
  /^(cluster-(name|id|pool-.*)|enable-(hubble|metrics|l7-proxy|l2-announcements|wireguard|ipsec|policy-secrets)(-.*)?|external-envoy-proxy|(hubble|operator|prometheus|metrics|proxy|envoy|http|cni-exclusive|cni-log-file|debug|k8s-client|l2-announcements|wireguard|ipsec|encrypt|policy-secrets|connectivity-probe|agent-not-ready|set-cilium|remove-cilium|write-cni|custom-cni|annotate-k8s|controller-group|procfs|sysctl|identity-gc|ces)(-.*)?|debug|log-.*|pprof.*|gops-.*|bpf-root|cgroup-root|read-cni-conf|monitor-.*|.*-gc-interval|.*-prometheus-.*)$/;

const defaults: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [
    ...Map.groupBy(
      [
        ...[...written.trim().split(/\s+/), ...unwritten.trim().split(/\s+/)].map(
          (pair): [string, string] => {
            const at = pair.indexOf("=");
            return [pair.slice(0, at), pair.slice(at + 1)];
          },
        ),
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
