import { isMapping, textsIn, valueAt } from "#harness/lib/value-at.ts";
import type { UntestedDefect } from "#harness/model/known-defect.ts";
import type { SourceObject } from "#harness/model/source-environment.ts";
import type { CheckedCluster } from "./checked-mesh.ts";

/** A defect that no test shows, and the objects or values of a cluster that make it show. */
interface ObjectDefect {
  readonly defect: UntestedDefect;
  readonly shownBy: (cluster: CheckedCluster) => readonly string[];
}

const nameOf = ({ kind = "object", metadata: { namespace, name } }: SourceObject): string =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;

/** Classes whose addresses agents take for those of LB-IPAM (`isWildcardClass`, bpf_reconciler.go:1223 of 1.19.7). */
const ownClasses: readonly unknown[] = [undefined, "io.cilium/bgp-control-plane", "io.cilium/l2-announcer"];

function atNodeAddresses({ source, before }: CheckedCluster): string[] {
  const given = before["default-lb-service-ipam"] ?? valueAt(source.values, "defaultLBServiceIPAM");
  const ips = new Set(source.nodeIps);
  return source.services.flatMap((service) => {
    const loadBalancerClass = valueAt(service, "spec.loadBalancerClass") ?? undefined;
    if (valueAt(service, "spec.type") !== "LoadBalancer" || !ownClasses.includes(loadBalancerClass))
      return [];
    if (loadBalancerClass === undefined && (given ?? "lbipam") !== "lbipam") return [];
    const ingress = valueAt(service, "status.loadBalancer.ingress");
    const own = (Array.isArray(ingress) ? ingress : []).flatMap((at) =>
      isMapping(at) && typeof at.ip === "string" && ips.has(at.ip) ? [at.ip] : [],
    );
    return own.length === 0 ? [] : [`${nameOf(service)} (${own.join(", ")})`];
  });
}

/** Whether a mapping has a list that is not empty under one of these keys, however deep. */
function hasList(value: unknown, keys: readonly string[]): boolean {
  if (Array.isArray(value)) return value.some((v) => hasList(v, keys));
  if (!isMapping(value)) return false;
  return Object.entries(value).some(
    ([key, v]) => (keys.includes(key) && Array.isArray(v) && v.length > 0) || hasList(v, keys),
  );
}

const clusterLabel = "io.cilium.k8s.policy.cluster";

/** Only a filter that names other labels hides the cluster's; `!x` leaves x out, and nothing else. */
function selectsFilteredNodes({ source, before }: CheckedCluster): string[] {
  const filter = String(before["node-labels"] ?? valueAt(source.values, "nodeLabels") ?? "");
  const named = filter.split(/[\s,]+/).filter((label) => label !== "" && !label.startsWith("!"));
  if (named.length === 0 || filter.includes(clusterLabel)) return [];
  return [...source.policies, ...source.clusterwide]
    .filter((p) => hasList([p.spec, p.specs], ["fromNodes", "toNodes"]))
    .map(nameOf);
}

const kvstoreService = ({ source }: CheckedCluster): string[] =>
  textsIn(valueAt(source.values, "etcd.endpoints"))
    .filter((endpoint) => /\.svc\b/.test(endpoint))
    .map((endpoint) => `value etcd.endpoints, ${endpoint}`);

/**
 * Beside suites/untested-defects.yaml: those of which a cluster's objects and values tell whether they show. Keys and
 * ranges are the same.
 */
export const objectDefects: readonly ObjectDefect[] = [
  {
    defect: {
      id: "cilium-45572",
      what: "where the address of a LoadBalancer Service is a node's own, packets to all of the node's other ports are dropped, such as those of SSH or of the API server",
      affected: [">=1.19.0 <=1.19.4"],
      fixedIn: ["1.19.5", "1.20.0"],
      when: { "kube-proxy-replacement": "true" },
      source: [
        "https://github.com/cilium/cilium/issues/44430",
        "https://github.com/cilium/cilium/pull/45572",
        "CHANGELOG.md, v1.19.0: Introduce wildcard service entries; v1.19.5: Fix bug that would disrupt node connectivity when ClusterIP/LoadBalancer VIPs overlapped with node-local IP addresses",
        "pkg/loadbalancer/reconciler/bpf_reconciler.go:1147 of 1.19.7: no such entry for a node's address",
      ],
    },
    shownBy: atNodeAddresses,
  },
  {
    defect: {
      id: "cilium-46068",
      what: "where nodeLabels leaves the cluster's label of nodes out, a policy without a cluster label selects no node by fromNodes and toNodes",
      affected: [">=1.19.0 <=1.19.4"],
      fixedIn: ["1.19.5", "1.20.0"],
      when: { "enable-node-selector-labels": "true", "policy-default-local-cluster": "true" },
      source: [
        "https://github.com/cilium/cilium/issues/45956",
        "https://github.com/cilium/cilium/pull/46068",
        "CHANGELOG.md, v1.19.5: Always add cluster label to node when nodeSelectorLabels is enabled; whether 1.18 has the fix was not looked at, where the setting is off by default",
      ],
    },
    shownBy: selectsFilteredNodes,
  },
  {
    defect: {
      id: "cilium-47880",
      what: "pods that an agent finds when it restarts lose the labels by which CIDRs select them, so rules with CIDRs neither allow nor deny them",
      affected: ["1.20.0"],
      fixedIn: ["1.20.1"],
      when: { "policy-cidr-match-mode": ["pods", "nodes pods", "pods nodes", "nodes,pods", "pods,nodes"] },
      source: [
        "https://github.com/cilium/cilium/pull/47880",
        "CHANGELOG.md, v1.20.1: endpoint: Fix silent CIDR policy bypass and traffic drops after agent restart",
      ],
    },
    shownBy: ({ after }) => [`setting policy-cidr-match-mode: ${after["policy-cidr-match-mode"]}`],
  },
  {
    defect: {
      id: "cilium-46444",
      what: "agents whose kvstore is reached by the name of a Service do not start where Cilium replaces kube-proxy",
      affected: [">=1.19.0 <=1.19.5"],
      fixedIn: ["1.19.6", "1.20.0"],
      when: {
        "identity-allocation-mode": ["kvstore", "doublewrite-readkvstore", "doublewrite-readcrd"],
        "kube-proxy-replacement": "true",
      },
      source: [
        "https://github.com/cilium/cilium/issues/45844",
        "https://github.com/cilium/cilium/pull/46444",
        "CHANGELOG.md, v1.19.6: Fix regression preventing Cilium from starting when configured in kvstore mode with KPR enabled; 1.18, of which the issue tells the same, was not looked at",
      ],
    },
    shownBy: kvstoreService,
  },
];

/** What makes a defect of that table show; undefined for any other defect. */
export const showsBy = (id: string): ObjectDefect["shownBy"] | undefined =>
  objectDefects.find(({ defect }) => defect.id === id)?.shownBy;
