import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Difference, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

const kind = "CiliumLocalRedirectPolicy";
const setting = "enable-local-redirect-policy";
const value = "localRedirectPolicies.enabled";

/**
 * Global services of which a CiliumLocalRedirectPolicy takes the clients away: on a node that has a ready pod of the
 * policy, requests to the service's ClusterIP go to that pod, and to no backend of any cluster (`shouldRedirectFrontend`,
 * pkg/loadbalancer/redirectpolicy/controller.go@1.20.2).
 */
export function localRedirects(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c) =>
    c.others.flatMap((policy): Problem[] => {
      const service = policy.kind === kind ? serviceOf(policy) : undefined;
      const own = c.services.find((s) => service !== undefined && keyOf(s) === service);
      if (own === undefined || !isGlobal(own.metadata.annotations ?? {})) return [];
      const others = clusters.filter((o) => o !== c && sharesIt(o, keyOf(own))).map((o) => o.name);
      return others.length === 0 ? [] : [problemOf(c, policy, keyOf(own), others)];
    }),
  );
}

const keyOf = ({ metadata }: SourceObject): string => `${metadata.namespace ?? "default"}/${metadata.name}`;

const sharesIt = (c: SourceCluster, key: string): boolean =>
  c.services.some((s) => keyOf(s) === key && isShared(s.metadata.annotations ?? {}));

/** `namespace/name`; agents refuse a policy whose service is of another namespace. */
function serviceOf({ metadata, spec }: SourceObject): string | undefined {
  const matcher: unknown = at(spec ?? {}, "redirectFrontend.serviceMatcher");
  const namespace = metadata.namespace ?? "default";
  return isMapping(matcher) && matcher.namespace === namespace && typeof matcher.serviceName === "string"
    ? `${namespace}/${matcher.serviceName}`
    : undefined;
}

function problemOf(
  c: SourceCluster,
  policy: SourceObject,
  service: string,
  others: readonly string[],
): Problem {
  const isOn = isRead(c);
  const name = `${kind} ${keyOf(policy)}`;
  const whole = { cluster: c.name, field: `Service ${service}`, inLab: "left out: the service is as it is" };
  if (isOn === false)
    return { ...whole, inSource: `${name} has no effect: ${value} is off in ${c.name}`, matters: "perhaps" };
  const spec = policy.spec ?? {};
  const ports = listOf(at(spec, "redirectFrontend.serviceMatcher.toPorts")).map((p) => String(p.port));
  const labels = at(spec, "redirectBackend.localEndpointSelector.matchLabels");
  const pods = Object.entries(isMapping(labels) ? labels : {}).map(([key, v]) => `${key}=${String(v)}`);
  return {
    ...whole,
    inSource: [
      `${name} sends requests to it${ports.length === 0 ? "" : ` at port ${shortList(ports, 4)}`}`,
      `to pods ${pods.length === 0 ? "that it selects" : shortList(pods, 3)} of the client's own node`,
      `wherever one is ready: there no pod of ${others.join(" and ")} answers`,
      ...(isOn === undefined ? [`if ${value} is on in ${c.name}`] : []),
    ].join(", "),
    matters: isOn === true ? "yes" : "perhaps",
  };
}

/** Whether agents read such policies; undefined where nobody knows. The chart writes the setting only where it is on. */
function isRead({ config, values }: SourceCluster): boolean | undefined {
  const hasConfig = Object.keys(config).length > 0;
  if (!hasConfig && Object.keys(values).length === 0) return undefined;
  const written: unknown[] = hasConfig
    ? [config[setting]]
    : [value, "localRedirectPolicy", `extraConfig.${setting}`].map((path) => at(values, path));
  if (written.some(isPlaceholder)) return undefined;
  return written.some((v) => String(v) === "true");
}
