import { shortList } from "#harness/lib/short-list.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import {
  annotation,
  endpointSyncSetting,
  isGlobal,
  isShared,
  wantsEndpointSlices,
} from "#harness/semantics/annotations.ts";
import { changingAddresses } from "#harness/semantics/apart.ts";
import { objectsOf, sharesNamespace } from "#harness/semantics/cluster-objects.ts";
import { findingOf } from "./catalogue/index.ts";
import { isDerived, known, nameOf, slicesOf, versionOf, wholeConfig } from "./parts.ts";
import { helmUpgrade, operator, restart } from "./repairs.ts";
import { readyBackends } from "./services.ts";

/** Global headless services in clusters whose operator writes no EndpointSlices for the pods of other clusters. */
export function headlessServices(mesh: MeshSnapshot): Finding[] {
  const changing = changingAddresses(mesh);
  return mesh.clusters.flatMap((cluster) => {
    const config = wholeConfig(cluster);
    if (config === undefined || config[endpointSyncSetting] === "true" || cluster.slices?.ok !== true)
      return [];
    const lacking = known(cluster.services)
      .filter((s) => isSynchronised(s) && sharesIt(cluster, s))
      .map((service) => ({ service, without: withoutPodsOf(mesh, { cluster, service, changing }) }))
      .filter(({ without }) => without.length > 0);
    return lacking.length === 0 ? [] : [finding(cluster, config[endpointSyncSetting], lacking)];
  });
}

/** Whether the operator synchronises it by itself. */
function isSynchronised(service: ServiceState): boolean {
  const { annotations, clusterIp } = service;
  const isMeant = isGlobal(annotations) && wantsEndpointSlices(annotations, true);
  return isMeant && clusterIp === "None" && !isDerived(service);
}

const sharesIt = (cluster: ClusterSnapshot, { namespace }: ServiceState): boolean =>
  sharesNamespace(objectsOf(cluster), "services")(namespace) !== false;

interface Lacking {
  readonly service: ServiceState;
  readonly without: readonly { readonly cluster: ClusterSnapshot; readonly ips: readonly string[] }[];
}

/** Ready pods of other clusters that no EndpointSlice of this one has, whoever wrote it. */
function withoutPodsOf(
  mesh: MeshSnapshot,
  {
    cluster,
    service,
    changing,
  }: {
    readonly cluster: ClusterSnapshot;
    readonly service: ServiceState;
    readonly changing: ReadonlySet<string>;
  },
): Lacking["without"] {
  const held = new Set(slicesOf(cluster, service).flatMap((s) => s.endpoints.flatMap((e) => e.addresses)));
  return mesh.clusters.flatMap((other) => {
    const twin = known(other.services).find(
      (s) => s.namespace === service.namespace && s.name === service.name,
    );
    if (other === cluster || twin === undefined || !isShared(twin.annotations)) return [];
    if (!sharesIt(other, twin) || !isTold(cluster, other)) return [];
    const ips = slicesOf(other, service)
      // A cluster with one address family has no use for the other.
      .filter((s) => !s.mirrored && s.addressType === "IPv4")
      .flatMap((s) => s.endpoints.filter((e) => e.ready).flatMap((e) => e.addresses))
      .filter((ip) => !held.has(ip) && !changing.has(ip));
    return ips.length === 0 ? [] : [{ cluster: other, ips: [...new Set(ips)] }];
  });
}

/** Whether a cluster is configured with a peer; unknown counts as yes. */
const isTold = ({ peers }: ClusterSnapshot, other: ClusterSnapshot): boolean =>
  !peers.ok || Object.values(peers.value).some((entries) => entries[nameOf(other)] !== undefined);

function finding(cluster: ClusterSnapshot, value: string | undefined, lacking: readonly Lacking[]): Finding {
  const [first] = lacking;
  const titles = lacking.map(({ service: s }) => `${s.namespace}/${s.name}`);
  const without = (first?.without ?? []).map((w) => `${w.cluster.name} (${shortList(w.ips, 3)})`);
  const isOne = lacking.length === 1;
  // With pods of its own, a service may be meant for them alone, as where a chart marks all its services.
  const isEmpty = lacking.some(({ service }) => readyBackends({ cluster, service }) === 0);
  return findingOf("service-headless-not-synchronised", {
    severity: isEmpty ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `service ${titles[0] ?? ""} of ${cluster.name}`,
    message: `${isOne ? "service" : "services"} ${shortList(titles, 3)} of ${cluster.name} ${isOne ? "is" : "are"} headless and global, and ${endpointSyncSetting} of ${cluster.name} is ${value === undefined ? "not set" : JSON.stringify(value)}: DNS of ${cluster.name} answers${isOne ? "" : ` for ${titles[0]}`} without the ready pods of ${without.join(" and ")}, because its operator writes no EndpointSlices for pods of other clusters`,
    next: remedy(cluster),
  });
}

function remedy(cluster: ClusterSnapshot): string {
  const version = versionOf(cluster);
  const optOut = `a service that should resolve to the pods of its own cluster alone needs the annotation ${annotation.syncEndpointSlices} "false", or none that makes it global`;
  if (version !== undefined && !isAtLeast(version, "1.16"))
    return `upgrade Cilium of ${cluster.name} to 1.16 or later, the first with EndpointSlice synchronisation; ${optOut}`;
  return `${helmUpgrade(cluster, "clustermesh.enableEndpointSliceSynchronization=true")}; ${restart(cluster, operator)}; it applies to every global headless service, so first look for those whose pods find each other by DNS: ${optOut}`;
}
