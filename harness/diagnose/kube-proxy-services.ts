import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { isHeadless } from "#harness/semantics/cluster-objects.ts";
import { findingOf } from "./catalogue/index.ts";
import { isDerived, known, slicesOf, wholeConfig } from "./parts.ts";
import { agents, helmUpgrade, restart } from "./repairs.ts";
import { readyBackends } from "./services.ts";

/** Clients that kube-proxy serves in a cluster, which knows no backend of another one (cilium#31718). */
interface Served {
  /** Pods in the host's network: without socket load balancing. */
  readonly hosts: boolean;
  /** Clients from outside, at a NodePort or a load balancer. */
  readonly outside: boolean;
}

/** Global services whose only backends are in other clusters, for clients that kube-proxy serves. */
export function kubeProxyServices(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const served = servedByKubeProxy(cluster);
    if (!served.hosts && !served.outside) return [];
    return known(cluster.services)
      .filter((s) => isGlobal(s.annotations) && !isDerived(s) && !isHeadless(s) && s.type !== "ExternalName")
      .flatMap((service) => findingFor(mesh, cluster, { service, served }));
  });
}

/** `enable-host-reachable-services` is the older name; `enable-node-port` belongs to `partial` of earlier versions. */
function servedByKubeProxy(cluster: ClusterSnapshot): Served {
  const settings: Readonly<Record<string, string>> = wholeConfig(cluster) ?? {};
  const isOn = (key: string): boolean => settings[key] === "true";
  const isReplaced = !["false", "disabled"].includes(settings["kube-proxy-replacement"] ?? "");
  return {
    hosts: !isReplaced && !isOn("bpf-lb-sock") && !isOn("enable-host-reachable-services"),
    outside: !isReplaced && !isOn("enable-node-port"),
  };
}

function findingFor(
  mesh: MeshSnapshot,
  cluster: ClusterSnapshot,
  { service, served }: { readonly service: ServiceState; readonly served: Served },
): Finding[] {
  const { namespace, name, type } = service;
  const title = `service ${namespace}/${name}`;
  // Slices that the operator copies from other clusters are read by kube-proxy too.
  const isCopied = slicesOf(cluster, service).some((s) => s.mirrored && s.endpoints.length > 0);
  if (isCopied || readyBackends({ cluster, service }) !== 0) return [];
  const far = mesh.clusters.filter(
    (other) =>
      other !== cluster &&
      known(other.services).some(
        (s) =>
          s.namespace === namespace &&
          s.name === name &&
          isGlobal(s.annotations) &&
          isShared(s.annotations) &&
          (readyBackends({ cluster: other, service: s }) ?? 0) > 0,
      ),
  );
  const hosts = served.hosts ? hostPodsIn(cluster, namespace) : [];
  const isOuter = served.outside && ["NodePort", "LoadBalancer"].includes(type);
  if (far.length === 0 || (hosts.length === 0 && !isOuter)) return [];
  const clients = [
    ...(hosts.length === 0 ? [] : [`pods in the host's network (${shortList(hosts, 3)})`]),
    ...(isOuter ? [`clients from outside (${type})`] : []),
  ].join(" and ");
  const socketLb = ["socketLB.enabled=true", "socketLB.hostNamespaceOnly=true"];
  const steps = [
    ...(hosts.length === 0
      ? []
      : [`if these pods use it: ${helmUpgrade(cluster, ...socketLb)}`, restart(cluster, agents)]),
    ...(isOuter
      ? ["if clients from outside use it, let Cilium replace kube-proxy (Helm value kubeProxyReplacement)"]
      : []),
  ];
  return [
    findingOf("service-kube-proxy", {
      cluster: cluster.name,
      subject: `${title} of ${cluster.name}`,
      message: `${title} has no ready backend in ${cluster.name} and some in ${far.map((c) => c.name).join(" and ")}, which kube-proxy of ${cluster.name} does not know: it refuses ${clients}, while Cilium serves other pods`,
      next: steps.join("; "),
    }),
  ];
}

/** Pods of the service's namespace in the network of their node. */
const hostPodsIn = ({ pods }: ClusterSnapshot, namespace: string): string[] =>
  known(pods)
    .filter((p) => p.namespace === namespace && p.hostNetwork && p.ready && !p.ending && p.ended !== true)
    .map((p) => `${p.namespace}/${p.name}`);
