import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import { isGlobal } from "#harness/semantics/annotations.ts";
import {
  declaredPorts,
  hasBackendAt,
  portRepair,
  type ServiceBackends,
  selectedPods,
  type UnresolvedPort,
  unresolvedPorts,
} from "#harness/semantics/target-ports.ts";
import { findingOf } from "./catalogue/index.ts";
import { isDerived, known, kubectl, unseenPeers } from "./parts.ts";
import { type ServiceSide, sidesOf } from "./service-repairs.ts";

/** Services whose named target port none, or only some, of their pods have: no backend is an address without a port. */
export function targetPorts(mesh: MeshSnapshot): Finding[] {
  return [...sidesOf(mesh).values()].flatMap((sides) =>
    sides.flatMap((side) => {
      if (!isShared(side)) return [];
      const all = unresolvedOf(side);
      const dead = all.filter((p) => p.resolved === 0);
      const partial = all.filter((p) => p.resolved > 0);
      return [
        ...(dead.length === 0 ? [] : [nobody(mesh, { side, sides, dead })]),
        ...(partial.length === 0 ? [] : [some(side, partial)]),
      ];
    }),
  );
}

/** Whether it is meant for other clusters too. */
const isShared = ({ cluster, service }: ServiceSide): boolean =>
  !isDerived(service) &&
  (isGlobal(service.annotations) ||
    known(cluster.serviceExports).some((e) => e.namespace === service.namespace && e.name === service.name));

const backendsOf = ({ cluster, service }: ServiceSide): ServiceBackends => ({
  service,
  slices: known(cluster.slices),
  pods: cluster.pods.ok ? cluster.pods.value : undefined,
});

/** None where its EndpointSlices were not read, or changed meanwhile. */
function unresolvedOf(side: ServiceSide): UnresolvedPort[] {
  const { cluster, service } = side;
  const isChanging = known(cluster.changing).includes(`${service.namespace}/${service.name}`);
  return cluster.slices?.ok !== true || isChanging ? [] : unresolvedPorts(backendsOf(side));
}

/** Whether ready pods of the service have none of the ports that it leads to. */
export const lacksTargetPorts = (side: ServiceSide): boolean =>
  isShared(side) &&
  isWhole(
    side,
    unresolvedOf(side).filter((p) => p.resolved === 0),
  );

/** Whether these are all its ports: a port for metrics alone may be unused on purpose. */
const isWhole = ({ service }: ServiceSide, dead: readonly UnresolvedPort[]): boolean =>
  dead.length > 0 && dead.length >= (service.ports ?? []).length;

const portText = ({ name, port, protocol }: SharedPort): string =>
  `${name === "" ? "" : `${name} `}${port}/${protocol}`;

const titleOf = ({ service }: ServiceSide): string => `${service.namespace}/${service.name}`;

/** By its protocol too: a name counts for one only. */
const namesOf = (ports: readonly UnresolvedPort[]): string =>
  ports.map(({ target, port }) => `\`${target}\` of ${port.protocol}`).join(" and ");

/** What the pods have instead; empty where that is not known. */
function declaredText(side: ServiceSide): string {
  const of = backendsOf(side);
  const pods = selectedPods(of).filter((p) => p.ready);
  if (pods.length === 0 || pods.some((p) => p.ports === undefined)) return "";
  const all = new Set(pods.flatMap((p) => p.ports ?? []).map(portText));
  return all.size === 0 ? " (they declare no port)" : ` (they have ${shortList([...all], 5)})`;
}

interface Dead {
  readonly side: ServiceSide;
  readonly sides: readonly ServiceSide[];
  readonly dead: readonly UnresolvedPort[];
}

function nobody(mesh: MeshSnapshot, { side, sides, dead }: Dead): Finding {
  const { cluster } = side;
  const named = dead.map((p) => portText(p.port)).join(" and ");
  const ready = Math.max(...dead.map((p) => p.ready));
  const isNowhere =
    sides.every((s) => s.cluster.slices?.ok === true) &&
    mesh.clusters.every((c) => c.services.ok && unseenPeers(mesh, c).size === 0) &&
    dead.every(({ port }) => !sides.some((s) => hasBackendAt(backendsOf(s), port)));
  const what = `no backend${isWhole(side, dead) ? "" : ` for port ${named}`} in ${isNowhere ? "any cluster" : cluster.name}`;
  const pods = `${ready} of its pods ${ready === 1 ? "is" : "are"} ready in ${cluster.name}`;
  const [target, missing] =
    dead.length === 1 ? ["its target port is", "the port is"] : ["its target ports are", "these ports are"];
  return findingOf("service-target-port", {
    severity: isWhole(side, dead) ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `service ${titleOf(side)} of ${cluster.name}`,
    message: `service ${titleOf(side)} has ${what}, although ${pods}: ${target} ${namesOf(dead)}, and no container of these pods declares that${declaredText(side)}, so ${missing} missing in its EndpointSlices`,
    next: repair(side, dead),
  });
}

/** Their clients are sent to fewer backends than there seem to be. */
function some(side: ServiceSide, ports: readonly UnresolvedPort[]): Finding {
  const { cluster } = side;
  const counts = ports.map((p) => `${p.ready - p.resolved} of ${p.ready}`);
  return findingOf("service-target-port", {
    severity: "suspect",
    cluster: cluster.name,
    subject: `service ${titleOf(side)} of ${cluster.name}`,
    message: `${counts[0]} ready pods of service ${titleOf(side)} in ${cluster.name} are no backends of port ${ports.map((p) => portText(p.port)).join(" and ")}: they have no container port ${namesOf(ports)}, as its target port is named${declaredText(side)}`,
    next: repair(side, ports),
  });
}

/** One patch for all ports whose repair is certain; the others are for the reader. */
function repair(side: ServiceSide, ports: readonly UnresolvedPort[]): string {
  const of = backendsOf(side);
  const changes = ports.map((unresolved) => ({ unresolved, change: portRepair(of, unresolved) }));
  const steps = changes.flatMap(({ unresolved: { index, target }, change }) => {
    if (change === undefined) return [];
    const path = `/spec/ports/${index}`;
    return [
      { op: "test", path: `${path}/targetPort`, value: target },
      "protocol" in change
        ? { op: "replace", path: `${path}/protocol`, value: change.protocol }
        : { op: "replace", path: `${path}/targetPort`, value: change.targetPort },
    ];
  });
  const open = changes.flatMap(({ unresolved, change }) =>
    change === undefined ? [openText(of, unresolved)] : [],
  );
  if (steps.length === 0) return open.join("; ");
  const { namespace, name } = side.service;
  const command = kubectl(
    namespace,
    ...["patch", `service/${name}`, "--type", "json", "-p", JSON.stringify(steps)],
  );
  const meant = changes.flatMap(({ unresolved, change }) =>
    change === undefined
      ? []
      : [`port ${portText(unresolved.port)} lead to container port ${portText(change.of)}`],
  );
  return [
    `let ${meant.join(" and ")}: ${command}`,
    ...open,
    "or give the container port its former name again in the template of the pods",
  ].join("; ");
}

function openText(of: ServiceBackends, { port, index, target }: UnresolvedPort): string {
  const declared = declaredPorts(of).map(portText);
  const which = declared.length === 0 ? "its number" : `one that its pods have (${shortList(declared, 5)})`;
  return `set targetPort of port ${portText(port)}, spec.ports[${index}], to ${which}, or name the container port that serves it \`${target}\` in the template of the pods`;
}
