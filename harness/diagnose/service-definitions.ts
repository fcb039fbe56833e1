import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { annotation, isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { isHeadless, objectsOf, sharesNamespace } from "#harness/semantics/cluster-objects.ts";
import { annotationFaults } from "#harness/semantics/service-annotations.ts";
import { namesakeOf, renamedPorts } from "#harness/semantics/service-definitions.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { isEnding } from "./namespaces.ts";
import { ciliumNamespace, isDerived, known, kubectl, mcsLabel, nameOf, versionOf } from "./parts.ts";
import { copied, marked, namedPorts, type ServiceSide, sharedKeys, sidesOf } from "./service-repairs.ts";
import { readyBackends } from "./services.ts";

const keyOf = (s: { readonly namespace: string; readonly name: string }): string =>
  `${s.namespace}/${s.name}`;

/** Of Kubernetes and Cilium: every cluster has its own. */
const isSystem = (mesh: MeshSnapshot, { namespace, name }: ServiceState): boolean =>
  (namespace === "default" && name === "kubernetes") ||
  namespace === "kube-system" ||
  mesh.clusters.some((c) => ciliumNamespace(c) === namespace);

/** Services of one name in several clusters, against each other: marks, ports, namespaces, and what is missing. */
export function serviceDefinitions(mesh: MeshSnapshot): Finding[] {
  const exported = exportedServices(mesh);
  return [...sidesOf(mesh)].flatMap(([name, sides]) => {
    if (sides.some(({ service }) => isSystem(mesh, service) || isDerived(service))) return [];
    const globals = sides.filter(({ service }) => isGlobal(service.annotations));
    return [
      ...sides.flatMap((side) => values(side, globals)),
      ...ports(name, globals),
      ...(exported.has(name) ? [] : counterparts(mesh, name, globals)),
      ...marks(name, sides, { globals, exported: exported.has(name) }),
      ...globals.flatMap(namespaceMark),
    ];
  });
}

/** Exported by a ServiceExport anywhere: then no annotation is needed, and clients use the clusterset name. */
function exportedServices(mesh: MeshSnapshot): ReadonlySet<string> {
  return new Set(
    mesh.clusters.flatMap((cluster) => [
      ...known(cluster.serviceExports).map(keyOf),
      ...known(cluster.services).flatMap(({ namespace, labels = {} }) =>
        labels[mcsLabel] === undefined ? [] : [`${namespace}/${labels[mcsLabel]}`],
      ),
    ]),
  );
}

function say(id: FindingId, { cluster, service }: ServiceSide, message: string, next: string): Finding {
  return findingOf(id, {
    cluster: cluster.name,
    subject: `service ${keyOf(service)} of ${cluster.name}`,
    message,
    next,
  });
}

/** A finding that is broken, not only suspect, if clients of that side have no backend because of it. */
const raised = (finding: Finding, dead: string | undefined): Finding =>
  dead === undefined ? finding : { ...finding, severity: "broken", message: `${finding.message}; ${dead}` };

/**
 * What a side that is not global lacks for it: without a ready backend of its own, its clients have none, although others
 * would share theirs. Undefined if it has some, selects nothing, or is not known.
 */
function withoutAny({ cluster, service }: ServiceSide, globals: readonly ServiceSide[]): string | undefined {
  if (isGlobal(service.annotations) || isHeadless(service) || service.type === "ExternalName")
    return undefined;
  if (Object.keys(service.selector).length === 0 || readyBackends({ cluster, service }) !== 0)
    return undefined;
  const sharing = globals.filter((g) => isShared(g.service.annotations) && (readyBackends(g) ?? 0) > 0);
  return sharing.length === 0
    ? undefined
    : `its clients in ${cluster.name} have no backend: no ready pod of its own, and those of ${sharing.map((g) => g.cluster.name).join(" and ")} are not used`;
}

/** Annotations that this version does not understand, or reads otherwise than they look, and labels in their place. */
function values(side: ServiceSide, globals: readonly ServiceSide[]): Finding[] {
  const { cluster, service } = side;
  const version = versionOf(cluster);
  const dead = withoutAny(side, globals);
  return annotationFaults(service, version).map(({ of, what, next }) => {
    const decides = of === annotation.global && dead !== undefined;
    const message = `service ${keyOf(service)} of ${cluster.name}: ${what}`;
    const repair = decides ? `${next}; to use them: ${marked(side, annotation.global)}` : next;
    return raised(say("service-annotation-value", side, message, repair), decides ? dead : undefined);
  });
}

const numbered = (ports: NonNullable<ServiceState["ports"]>): string =>
  ports.map((p) => `${p.name === "" ? "" : `${p.name} `}${p.port}/${p.protocol}`).join(", ");

function ports(name: string, sides: readonly ServiceSide[]): Finding[] {
  return sides.flatMap((a, i) => sides.slice(i + 1).flatMap((b) => portsOfTwo(name, a, b)));
}

function portsOfTwo(name: string, a: ServiceSide, b: ServiceSide): Finding[] {
  const [own, other] = [a.service.ports, b.service.ports];
  if (own === undefined || other === undefined) return [];
  const renamed = renamedPorts(own, other);
  if (renamed.length > 0)
    return [
      say(
        "service-port-names",
        a,
        `service ${name}: ${renamed.map(({ p, twin }) => `port ${p.port} is \`${p.name}\` in ${a.cluster.name} and \`${twin.name}\` in ${b.cluster.name}`).join(", ")}: neither cluster uses the other's backends`,
        `give the port one name in both clusters, for example: ${namedPorts(b, renamed)}`,
      ),
    ];
  if (isHeadless(a.service) || isHeadless(b.service)) return [];
  const numbers = (list: typeof own): string =>
    list
      .map((p) => `${p.port}/${p.protocol}`)
      .sort()
      .join();
  if (numbers(own) === numbers(other)) return [];
  return [
    say(
      "service-ports",
      a,
      `service ${name} has other ports in ${a.cluster.name} (${numbered(own)}) than in ${b.cluster.name} (${numbered(other)}): a client that moves is refused`,
      "define the same ports in both clusters",
    ),
  ];
}

/** Whether a cluster is in one mesh with another; unknown counts as yes. */
const isPeerOf = (cluster: ClusterSnapshot, other: ClusterSnapshot): boolean =>
  !other.peers.ok ||
  Object.values(other.peers.value).some((entries) => entries[nameOf(cluster)] !== undefined);

function counterparts(mesh: MeshSnapshot, name: string, globals: readonly ServiceSide[]): Finding[] {
  const [first] = globals;
  if (first === undefined) return [];
  const { namespace, name: bare } = first.service;
  const where = globals.map((g) => g.cluster.name).join(" and ");
  const without = mesh.clusters.filter(
    (c) =>
      c.services.ok &&
      c !== first.cluster &&
      isPeerOf(first.cluster, c) &&
      !known(c.services).some((s) => keyOf(s) === name),
  );
  return without.flatMap((cluster) => {
    const elsewhere = namesakeOf(
      first.service,
      known(cluster.services).filter((s) => !isSystem(mesh, s)),
      mesh.clusters.filter((c) => c !== cluster).flatMap((c) => known(c.services)),
    );
    const finding = {
      cluster: cluster.name,
      subject: `service ${name} of ${cluster.name}`,
    };
    return [
      elsewhere === undefined
        ? findingOf("service-without-counterpart", {
            ...finding,
            message: `service ${name} is global in ${where}, and ${cluster.name} has no service of that name: its clients cannot resolve it`,
            next: counterpart(first, cluster),
          })
        : findingOf("service-other-namespace", {
            ...finding,
            message: `service ${bare} is global in namespace ${namespace} of ${where}, and in namespace ${elsewhere.namespace} of ${cluster.name}: services are joined by name and namespace, so these are two`,
            next: `use one namespace name in all clusters: apply the Service in namespace ${namespace} of ${cluster.name}`,
          }),
    ];
  });
}

/** The pods that it selects there, if any, become its backends. */
function counterpart(side: ServiceSide, cluster: ClusterSnapshot): string {
  const { namespace } = side.service;
  if (isEnding(cluster, namespace))
    return `namespace ${namespace} of ${cluster.name} is being deleted, and nothing can be created in it: apply the same Service there after the namespace is gone and was created again`;
  const text = `apply the same Service (or a ServiceExport, with the MCS API) in ${cluster.name} too`;
  const commands = copied(side, cluster);
  return commands === undefined ? text : `${text}: ${commands}`;
}

function marks(
  name: string,
  sides: readonly ServiceSide[],
  { globals, exported }: { readonly globals: readonly ServiceSide[]; readonly exported: boolean },
): Finding[] {
  const [first] = sides;
  if (first === undefined || sides.length < 2) return [];
  const found = sides
    .filter((s) => !globals.includes(s) && globals.length > 0)
    .map((side) =>
      raised(
        say(
          "service-global-in-part",
          side,
          `service ${name} is global in other clusters but not in ${side.cluster.name}`,
          `if it should be global there: ${marked(side, annotation.global)}`,
        ),
        withoutAny(side, globals),
      ),
    );
  // A service of type ExternalName is a name in DNS, which has no backends to share.
  const served = sides.filter(({ service }) => service.type !== "ExternalName");
  if (globals.length === 0 && !exported && served.length > 1)
    found.push(
      say(
        "service-global-nowhere",
        served[0] ?? first,
        `service ${name} is in ${served.map((s) => s.cluster.name).join(" and ")} and global in none of them`,
        `if it should be global: ${served.map((s) => marked(s, annotation.global)).join("; ")}`,
      ),
    );
  for (const side of globals)
    if (!isShared(side.service.annotations))
      found.push(
        say(
          "service-not-shared",
          side,
          `service ${name} of ${side.cluster.name} does not share its backends (shared: "false")`,
          `if its backends should be shared: ${marked(side, ...sharedKeys(side.service))}`,
        ),
      );
  return found;
}

/** From 1.20 on, a namespace that is not shared keeps its services back. */
function namespaceMark(side: ServiceSide): Finding[] {
  const { cluster, service } = side;
  if (cluster.namespaces?.ok !== true || cluster.ciliumVersion?.ok !== true) return [];
  if (sharesNamespace(objectsOf(cluster), "services")(service.namespace) !== false) return [];
  return [
    say(
      "service-namespace-not-global",
      side,
      `service ${keyOf(service)} of ${cluster.name} is global, and its namespace ${service.namespace} is not: its backends are not exported`,
      kubectl(
        "",
        "annotate",
        `namespace/${service.namespace}`,
        "clustermesh.cilium.io/global=true",
        "--overwrite",
      ),
    ),
  ];
}
