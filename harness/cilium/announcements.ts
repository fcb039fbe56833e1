import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { given } from "#harness/lib/given.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Announcements, BgpAdvert, L2Policy, LeaseState } from "#harness/model/announcements.ts";
import type { Part, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { bgpAdverts } from "#harness/semantics/announcements.ts";

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v) => typeof v === "string") : [];

const selectorOf = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;

export function l2PolicyState({ metadata, spec }: KubeObject): L2Policy {
  return {
    name: metadata.name,
    interfaces: textsOf(spec?.interfaces),
    ...given({
      serviceSelector: selectorOf(spec?.serviceSelector),
      nodeSelector: selectorOf(spec?.nodeSelector),
    }),
    loadBalancerIps: spec?.loadBalancerIPs === true,
  };
}

const leaseState = ({ metadata, spec }: KubeObject): LeaseState => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name,
  holder: String(spec?.holderIdentity ?? ""),
});

/**
 * The kinds that say what BGP announces of services, in a version of Cilium. Advertisements are of v2alpha1 alone before
 * Cilium 1.18, and of both versions up to 1.20; the older kind ends with 1.18 (pkg/k8s/apis/cilium.io/client/crds). A text
 * that is no version counts as an old one.
 */
export function bgpKinds(version: string): KindRef[] {
  const advertisement = kinds.ciliumBgpAdvertisement;
  return [
    isAtLeast(version, "1.18") ? advertisement : { ...advertisement, apiVersion: "cilium.io/v2alpha1" },
    ...(isAtLeast(version, "1.19") ? [] : [kinds.ciliumBgpPeeringPolicy]),
  ];
}

type ReadObjects = <T>(file: string, map: (o: KubeObject) => readonly T[]) => Part<T[]>;

const advertsOf =
  (kind: string) =>
  ({ metadata, spec }: KubeObject): BgpAdvert[] =>
    bgpAdverts({ kind, name: metadata.name, spec });

/** `objects`: reads the objects of a file of the evidence. */
export function announcementsIn(objects: ReadObjects): Part<Announcements> {
  const policies = objects("ciliuml2announcementpolicies.json", (o) => [l2PolicyState(o)]);
  // Leases only say more of what the policies decide.
  const leases = objects("leases.json", (o) => [leaseState(o)]);
  const adverts = objects("ciliumbgpadvertisements.json", advertsOf("CiliumBGPAdvertisement"));
  const routers = objects("ciliumbgppeeringpolicies.json", advertsOf("CiliumBGPPeeringPolicy"));
  if (!policies.ok && !adverts.ok) return policies;
  return {
    ok: true,
    value: {
      ...(policies.ok ? { policies: policies.value } : {}),
      ...(policies.ok && leases.ok ? { leases: leases.value } : {}),
      // Before Cilium 1.16 there are no advertisements: what BGP announces there is not judged.
      ...(adverts.ok ? { bgp: [...adverts.value, ...(routers.ok ? routers.value : [])] } : {}),
    },
  };
}

/** LB IPAM's condition (`ciliumSvcRequestSatisfiedCondition`, operator/pkg/lbipam/lbipam.go@1.20.2). */
const satisfied = "cilium.io/IPAMRequestSatisfied";

/** Of a Service of type LoadBalancer what decides who serves its address, and to whom. */
export function balancerState({ spec, status }: KubeObject): Pick<ServiceState, "balancer"> {
  const ranges = textsOf(spec?.loadBalancerSourceRanges).map((range) => range.trim());
  const conditions: readonly { readonly type?: unknown; readonly status?: unknown }[] = Array.isArray(
    status?.conditions,
  )
    ? status.conditions
    : [];
  const isFromCilium = conditions.some((c) => c?.type === satisfied && c.status === "True");
  const balancer = given({
    className: typeof spec?.loadBalancerClass === "string" ? spec.loadBalancerClass : undefined,
    sourceRanges: ranges.length === 0 ? undefined : ranges,
    isFromCilium: isFromCilium ? (true as const) : undefined,
  });
  return Object.keys(balancer).length === 0 ? {} : { balancer };
}
