import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { known, kubectl } from "./parts.ts";

const key = (s: { readonly namespace: string; readonly name: string }): string => `${s.namespace}/${s.name}`;

/** Global services: backends that no pod has, sides without a ready backend, annotations that differ. */
export function services(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  const names = new Set(mesh.clusters.flatMap((c) => known(c.services).map(key)));
  for (const name of names) {
    const sides = mesh.clusters.flatMap((cluster) => {
      const service = known(cluster.services).find((s) => key(s) === name);
      return service === undefined ? [] : [{ cluster, service }];
    });
    const globals = sides.filter(({ service }) => isGlobal(service.annotations));
    for (const { cluster, service } of sides)
      found.push(...ownBackends(cluster, service, globals.length > 0));
    const [first] = sides;
    if (first === undefined || sides.length < 2) continue;
    if (name.startsWith("default/kubernetes") || name.startsWith("kube-system/")) continue;
    const not = sides.filter(({ service }) => !isGlobal(service.annotations));
    if (globals.length > 0 && not.length > 0)
      for (const { cluster } of not)
        found.push(
          suspect(cluster, name, `service ${name} is global in other clusters but not in ${cluster.name}`),
        );
    if (globals.length === 0)
      found.push(
        suspect(
          first.cluster,
          name,
          `service ${name} is in ${sides.map((s) => s.cluster.name).join(" and ")} and global in none of them`,
        ),
      );
    for (const { cluster, service } of sides)
      if (isGlobal(service.annotations) && !isShared(service.annotations))
        found.push(
          suspect(
            cluster,
            name,
            `service ${name} of ${cluster.name} does not share its backends (shared: "false")`,
          ),
        );
  }
  return found;
}

function suspect(cluster: ClusterSnapshot, service: string, message: string): Finding {
  const [namespace = "", name = ""] = service.split("/");
  return {
    layer: "services",
    severity: "suspect",
    cluster: cluster.name,
    subject: `service ${service} of ${cluster.name}`,
    message,
    next: `compare the annotations: ${kubectl(namespace, "get", `service/${name}`, "-o", "yaml")}`,
  };
}

function ownBackends(cluster: ClusterSnapshot, service: ServiceState, global: boolean): Finding[] {
  if (!cluster.endpoints.ok || !cluster.pods.ok) return [];
  const found: Finding[] = [];
  const say = (message: string, next: string): void =>
    void found.push({
      layer: "services",
      severity: "broken",
      cluster: cluster.name,
      subject: `service ${key(service)} of ${cluster.name}`,
      message,
      next,
    });
  const backends = cluster.endpoints.value.filter(
    (e) => e.namespace === service.namespace && e.service === service.name,
  );
  const addresses = new Set(cluster.pods.value.map((p) => p.ip));
  const selects = Object.keys(service.selector).length > 0;
  for (const ip of new Set(backends.map((b) => b.ip)))
    if (selects && !addresses.has(ip))
      say(
        `backend ${ip} of service ${key(service)} in ${cluster.name} belongs to no pod`,
        kubectl(
          service.namespace,
          "get",
          "endpointslices",
          "-l",
          `kubernetes.io/service-name=${service.name}`,
        ),
      );
  if (service.type === "LoadBalancer" && service.loadBalancerIp === "" && assignsLoadBalancerIPs(cluster))
    say(
      `service ${key(service)} of ${cluster.name} has no LoadBalancer address`,
      "check the operator and the address pools",
    );
  if (!global || !selects) return found;
  const ready = backends.filter((b) => b.ready && addresses.has(b.ip));
  if (ready.length > 0) return found;
  const pods = cluster.pods.value.filter(
    (p) =>
      p.namespace === service.namespace &&
      Object.entries(service.selector).every(([k, v]) => p.labels[k] === v),
  );
  if (pods.length > 0 && pods.every((p) => !p.ready))
    say(
      `service ${key(service)} has no ready backend in ${cluster.name}: none of its ${pods.length} pods is ready (${pods.map((p) => p.name).join(", ")})`,
      `${kubectl(service.namespace, "describe", "pods")}: their readiness probes fail`,
    );
  // A side without pods is valid: the canary services of a lab have none.
  else if (pods.length === 0) {
    const empty = known(cluster.workloads).filter(
      (w) => w.namespace === service.namespace && w.desired === 0,
    );
    if (empty.length > 0)
      say(
        `service ${key(service)} has no backend in ${cluster.name}: ${empty.map((w) => `${w.kind} ${w.name}`).join(", ")} is scaled to zero`,
        kubectl(
          service.namespace,
          "scale",
          ...empty.map((w) => `${w.kind.toLowerCase()}/${w.name}`),
          "--replicas",
          "1",
        ),
      );
  }
  return found;
}

/** Whether the cluster assigns LoadBalancer addresses: not if there is neither a pool nor an assigned address. */
function assignsLoadBalancerIPs({ loadBalancerPools: pools, services }: ClusterSnapshot): boolean {
  if (pools?.ok !== true || pools.value > 0) return true;
  return known(services).some((s) => s.loadBalancerIp !== "");
}
