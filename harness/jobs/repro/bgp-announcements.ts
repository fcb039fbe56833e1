import { isMapping } from "#harness/lib/value-at.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { bgpAdverts, bgpClass, notAdvertised } from "#harness/semantics/announcements.ts";
import { apiserverLabels } from "./apiserver-labels.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

const app = "clustermesh-apiserver";
const service = "clustermesh.apiserver.service";
const kinds: readonly string[] = ["CiliumBGPAdvertisement", "CiliumBGPPeeringPolicy"];

const isOn = (c: SourceCluster, path: string, key: string): boolean =>
  at(c.values, path) === true || c.config[key] === "true";

interface Exposed {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly className: string | undefined;
  readonly annotations: readonly string[];
}

const textsOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(isMapping(value) ? value : {}).map(([k, v]) => [k, String(v)]));

/** The Service as the chart makes it (templates/clustermesh-apiserver/service.yaml@1.20.2), or as it was read. */
function exposed(c: SourceCluster): Exposed | undefined {
  const object = c.services.find((s) => s.metadata.name === app);
  if (object !== undefined)
    return object.spec?.type !== "LoadBalancer"
      ? undefined
      : {
          namespace: object.metadata.namespace ?? "kube-system",
          labels: object.metadata.labels ?? {},
          className: object.spec.loadBalancerClass,
          annotations: Object.keys(object.metadata.annotations ?? {}),
        };
  if (at(c.values, "clustermesh.useAPIServer") !== true || at(c.values, `${service}.type`) !== "LoadBalancer")
    return undefined;
  const className = at(c.values, `${service}.loadBalancerClass`);
  return {
    namespace: "kube-system",
    labels: {
      ...apiserverLabels,
      ...textsOf(at(c.values, "commonLabels")),
      ...textsOf(at(c.values, `${service}.labels`)),
    },
    className: typeof className === "string" && className !== "" ? className : undefined,
    annotations: Object.keys(textsOf(at(c.values, `${service}.annotations`))),
  };
}

/** Whether its address is of Cilium's own LB IPAM, and not of a cloud or of another program. */
const isOwnAddress = (c: SourceCluster, { className, annotations }: Exposed): boolean =>
  className === bgpClass ||
  annotations.some((key) => /^(lbipam\.cilium\.io|io\.cilium)\/(lb-ipam-)?ips$/.test(key)) ||
  c.others.some((o) => o.kind === "CiliumLoadBalancerIPPool");

/**
 * An address of clustermesh-apiserver that BGP is to announce, and that nothing lets it: by the same rule as diagnose's
 * apiserver-not-announced, where objects of BGP were given.
 */
export function notAnnounced(c: SourceCluster): Problem[] {
  const objects = c.others.filter((o) => kinds.includes(o.kind ?? ""));
  const own = exposed(c);
  const isOther = own?.className !== undefined && own.className !== bgpClass;
  // What L2 announcements announce needs no BGP.
  const isByL2 = isOn(c, "l2announcements.enabled", "enable-l2-announcements");
  const isByBgp = isOn(c, "bgpControlPlane.enabled", "enable-bgp-control-plane");
  if (own === undefined || objects.length === 0 || isOther || isByL2 || !isByBgp) return [];
  const adverts = objects.flatMap(({ kind = "", metadata, spec }) =>
    bgpAdverts({ kind, name: metadata.name, spec }),
  );
  const why = notAdvertised(adverts, { ...own, name: app });
  if (why === undefined) return [];
  return [
    {
      cluster: c.name,
      field: "announcement of clustermesh-apiserver",
      inSource: `${why}: other clusters do not reach its address`,
      inLab: "the lab's own addresses, without BGP",
      matters: isOwnAddress(c, own) ? "yes" : "perhaps",
    },
  ];
}
