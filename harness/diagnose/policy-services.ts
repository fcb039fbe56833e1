import { oncePer } from "#harness/lib/once-per.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { isHeadless } from "#harness/semantics/cluster-objects.ts";
import { perhaps } from "#harness/semantics/policy-clusters.ts";
import {
  type Connection,
  type ModelPod,
  type ModelPolicy,
  type PolicyVerdict,
  policySays,
  selectsSubject,
} from "#harness/semantics/policy-model.ts";
import { isDerived, known, slicesOf } from "./parts.ts";
import { type Member, type MemberPod, memberOf } from "./policy-members.ts";
import { type ResolvedMember, withServicePeers } from "./service-peers.ts";

const hasServices = ({ services, slices }: ClusterSnapshot): boolean => services.ok && slices?.ok === true;

/** The clusters of which everything is known that decides who reaches a global service. */
export const serviceMembers = oncePer((mesh: MeshSnapshot): readonly ResolvedMember[] =>
  mesh.clusters.filter(hasServices).flatMap((c) => {
    const member = memberOf(c);
    return member === undefined ? [] : [withServicePeers(member)];
  }),
);

const titleOfPod = ({ namespace, name }: PodState): string => `${namespace}/${name}`;

/** For policies, pods of one identity are alike. */
export const distinct = (pods: readonly MemberPod[]): MemberPod[] => [
  ...new Map(pods.map((p) => [p.identity, p])).values(),
];

export const isBackend = ({ namespace, selector }: ServiceState, { pod }: MemberPod): boolean =>
  pod.namespace === namespace &&
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([key, value]) => pod.labels[key] === value);

/** A service, and the one of the same name by which another cluster uses its backends. */
interface SharedService {
  readonly service: ServiceState;
  readonly twin: ServiceState;
}

/** Services whose backends in one cluster serve the clients of the other. */
export function sharedServices(server: Member, client: Member): SharedService[] {
  const ofClient = new Map(
    known(client.snapshot.services)
      .filter((s) => isGlobal(s.annotations))
      .map((s) => [`${s.namespace}/${s.name}`, s]),
  );
  return known(server.snapshot.services).flatMap((service) => {
    const twin = ofClient.get(`${service.namespace}/${service.name}`);
    return twin === undefined || isDerived(service) || !isShared(service.annotations)
      ? []
      : [{ service, twin }];
  });
}

const judgedProtocols = ["TCP", "UDP"] as const;

export interface ServedPort {
  readonly port: number;
  readonly protocol: (typeof judgedProtocols)[number];
}

/** The numbers at which its backends listen. */
export function portsOf({ snapshot }: Member, service: ServiceState): ServedPort[] {
  const ports = slicesOf(snapshot, service)
    .filter((s) => !s.mirrored)
    .flatMap((s) => s.ports)
    .flatMap(({ port, protocol: text }) => {
      const protocol = judgedProtocols.find((p) => p === text);
      return protocol === undefined ? [] : [{ port, protocol }];
    });
  return [...new Map(ports.map((p) => [`${p.port}/${p.protocol}`, p])).values()];
}

/** The pods of a service are its clients only where it stands for each of them. */
export function isClient({ service, twin }: SharedService, client: Member): (pod: MemberPod) => boolean {
  const own = isHeadless(service)
    ? new Set<number>()
    : new Set(client.pods.filter((p) => isBackend(twin, p)).map((p) => p.identity));
  return (pod) => !own.has(pod.identity);
}

export type Side = "ingress" | "egress";

/** A global service whose backends are in one cluster and whose clients may be in another. */
export interface Meeting extends SharedService {
  readonly side: Side;
  /** Whose policies are judged: of the server's cluster on ingress, of the client's on egress. */
  readonly own: Member;
  readonly other: Member;
  readonly server: Member;
  readonly client: Member;
  /** One pod of each identity. */
  readonly backends: readonly MemberPod[];
  readonly clients: readonly MemberPod[];
  readonly ports: readonly ServedPort[];
}

/** Where pods of other clusters meet those of a cluster at a global service. */
export function meetings(members: readonly Member[], own: Member, side: Side): Meeting[] {
  return members
    .filter((other) => other !== own)
    .flatMap((other) => {
      const [server, client] = side === "ingress" ? [own, other] : [other, own];
      return sharedServices(server, client).flatMap((shared) => {
        const backends = distinct(server.pods.filter((p) => isBackend(shared.service, p)));
        const clients = distinct(client.pods.filter(isClient(shared, client)));
        const ports = portsOf(server, shared.service);
        const isEmpty = [backends, clients, ports].some((all) => all.length === 0);
        return isEmpty ? [] : [{ ...shared, side, own, other, server, client, backends, clients, ports }];
      });
    });
}

export type Verdicts = (connection: Connection) => PolicyVerdict;

/** What policies say of connections between these clusters; each pod is asked about often, and few policies select it. */
export function verdictsBy(members: readonly Member[], policies: readonly ModelPolicy[]): Verdicts {
  const selecting = oncePer((pod: ModelPod) =>
    policies.filter((p) => p.cluster === pod.cluster && perhaps(() => selectsSubject(p, pod))),
  );
  return (connection) =>
    policySays(
      [...new Set([...selecting(connection.to), ...selecting(connection.from)])],
      connection,
      (name) => members.find((m) => m.name === name)?.isLocal === true,
      (name) => members.find((m) => m.name === name)?.enforcement ?? "default",
    );
}

/** The policies of both clusters of a meeting. */
export const policiesAt = ({ own, other }: Pick<Meeting, "own" | "other">): ModelPolicy[] =>
  [...own.models, ...other.models].map(({ model }) => model);

/** All pods of these identities, by their names. */
export function podsLike(member: Member, pods: readonly MemberPod[]): string[] {
  const identities = new Set(pods.map((p) => p.identity));
  return member.pods.filter((p) => identities.has(p.identity)).map(({ pod }) => titleOfPod(pod));
}

/** The names in a verdict's reasons that a cluster's policies gave: `shop/cart` of `c1/shop/cart allows it`. */
export const policiesThat = (
  verb: "allows" | "denies",
  { why }: PolicyVerdict,
  { name }: Pick<Member, "name">,
): string[] =>
  why.flatMap((text) => {
    const [begin, end] = [`${name}/`, ` ${verb} it`];
    return text.startsWith(begin) && text.endsWith(end) ? [text.slice(begin.length, -end.length)] : [];
  });
