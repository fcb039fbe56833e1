import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { withGroups } from "#harness/semantics/cidr-groups.ts";
import type { Side } from "#harness/semantics/default-deny.ts";
import { hasHealthEndpoint } from "#harness/semantics/mesh-settings.ts";
import { letsIn, type PolicySubject, selectsFor } from "#harness/semantics/shut-off.ts";
import { findingOf } from "./catalogue/index.ts";
import { cidrGroupsOf, ciliumNamespace, healthPortOf, known, kubectl, nameOf } from "./parts.ts";

const appLabel = { "k8s-app": "clustermesh-apiserver" };

/** Policies that leave clustermesh-apiserver or the health endpoints without any way to other clusters' nodes. */
export function shutOff(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const policies = inForce(cluster);
    if (policies.length === 0) return [];
    return [...apiserver(cluster, policies), ...healthEndpoints(cluster, policies)];
  });
}

const settingOf = (cluster: ClusterSnapshot, key: string): string | undefined =>
  cluster.config.ok ? cluster.config.value[key] : undefined;

function inForce(cluster: ClusterSnapshot): readonly PolicyObject[] {
  if (cluster.policyObjects === undefined || settingOf(cluster, "enable-policy") === "never") return [];
  const off = settingOf(cluster, "enable-k8s-networkpolicy") === "false";
  return known(cluster.policyObjects)
    .filter((p) => !(off && p.kind === "NetworkPolicy"))
    .map((p) => ({ ...p, specs: p.specs.map((spec) => withGroups(spec, cidrGroupsOf(cluster))) }));
}

const kindName = (policy: PolicyObject): string =>
  `${policy.kind} ${policy.namespace === "" ? "" : `${policy.namespace}/`}${policy.name}`;

/** All of them: each that is left would still shut it off. */
const remove = (policies: readonly PolicyObject[]): string =>
  policies.map((p) => kubectl(p.namespace, "delete", `${p.kind.toLowerCase()}/${p.name}`)).join("; ");

/** The policies of a cluster that select a subject, if none of them lets other clusters' nodes through. */
function closing(
  { cluster, policies }: { readonly cluster: ClusterSnapshot; readonly policies: readonly PolicyObject[] },
  subject: PolicySubject,
  { side, ports }: { readonly side: Side; readonly ports: readonly number[] },
): readonly PolicyObject[] {
  const settings = cluster.config.ok ? cluster.config.value : {};
  const denying = policies.filter((p) =>
    p.specs.some((s) => letsIn(p, s, { subject, side, ports }) === "denied"),
  );
  if (denying.length > 0) return denying;
  const enforcing = policies.filter((p) =>
    p.specs.some((s) => selectsFor(p, s, { subject, side, settings })),
  );
  const allowed = policies.some((p) =>
    p.specs.some((s) => letsIn(p, s, { subject, side, ports }) === "allowed"),
  );
  return allowed ? [] : enforcing;
}

function apiserver(cluster: ClusterSnapshot, policies: readonly PolicyObject[]): Finding[] {
  const system = ciliumNamespace(cluster);
  const pods = known(cluster.pods).filter(
    (p) => p.namespace === system && p.labels["k8s-app"] === appLabel["k8s-app"] && !p.ending,
  );
  const exists = pods.length > 0 || known(cluster.workloads).some((w) => w.name === "clustermesh-apiserver");
  // Policies do not apply to pods in the network of their node.
  if (!exists || pods.some((p) => p.hostNetwork)) return [];
  const subject: PolicySubject = {
    cluster: nameOf(cluster),
    namespace: system,
    labels: pods[0]?.labels ?? appLabel,
    reserved: [],
  };
  const incoming = closing({ cluster, policies }, subject, { side: "ingress", ports: [2379] });
  const urls = cluster.peers.ok ? Object.values(cluster.peers.value.kvstoreMesh).flat() : [];
  const ports = urls.map((url) => Number(/:(\d+)\/?$/.exec(url)?.[1])).filter((p) => !Number.isNaN(p));
  const outgoing =
    ports.length === 0 ? [] : closing({ cluster, policies }, subject, { side: "egress", ports });
  return [
    ...incoming.slice(0, 1).map((policy) =>
      findingOf("policy-shuts-off-apiserver", {
        cluster: cluster.name,
        subject: `${kindName(policy)} of ${cluster.name}`,
        message: `${kindName(policy)} of ${cluster.name} lets no other cluster in to clustermesh-apiserver: it selects its pods, and no policy allows TCP 2379 from nodes of other clusters`,
        next: `${remove(incoming)}; if it is needed, keep it and allow TCP 2379 from the entities world and remote-node to k8s-app=clustermesh-apiserver`,
      }),
    ),
    ...outgoing.slice(0, 1).map((policy) =>
      findingOf("policy-shuts-off-apiserver", {
        cluster: cluster.name,
        subject: `${kindName(policy)} of ${cluster.name}`,
        message: `${kindName(policy)} of ${cluster.name} lets KVStoreMesh out to no other cluster: it selects the pods of clustermesh-apiserver, and no policy allows TCP ${[...new Set(ports)].join(", ")} to other clusters`,
        next: `${remove(outgoing)}; if it is needed, keep it and allow these ports to the entities world and remote-node`,
      }),
    ),
  ];
}

/** Only clusterwide policies select health endpoints: they are in no namespace. */
function healthEndpoints(cluster: ClusterSnapshot, policies: readonly PolicyObject[]): Finding[] {
  if (!hasHealthEndpoint({ settings: cluster.config.ok ? cluster.config.value : {} })) return [];
  const subject: PolicySubject = {
    cluster: nameOf(cluster),
    namespace: "",
    labels: {},
    reserved: ["health"],
  };
  const clusterwide = policies.filter((p) => p.kind === "CiliumClusterwideNetworkPolicy");
  return (["ingress", "egress"] as const).flatMap((side) => {
    const all = closing({ cluster, policies: clusterwide }, subject, {
      side,
      ports: [healthPortOf(cluster)],
    });
    const [first] = all;
    if (first === undefined) return [];
    return [
      findingOf("policy-shuts-off-health", {
        cluster: cluster.name,
        subject: `${kindName(first)} of ${cluster.name}`,
        message: `${kindName(first)} of ${cluster.name} shuts off the health endpoints: it selects them, and no policy allows ${side} ${side === "ingress" ? "from" : "to"} remote nodes`,
        next: `${remove(all)}; if it is needed, leave reserved:health out of its endpointSelector, or allow the entity remote-node to endpoints with that label`,
      }),
    ];
  });
}
