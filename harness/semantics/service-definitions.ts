import type { KnownDefect } from "#harness/model/known-defect.ts";
import { affects } from "./affected.ts";
import { annotation, isGlobal, isShared } from "./annotations.ts";
import { proxyNameSetting } from "./cluster-objects.ts";
import { sharedDns } from "./dns-services.ts";
import { type LeftAlone, leftAlone } from "./left-alone-services.ts";
import { type AnnotatingCluster, disagreements, idleMarks } from "./service-agreement.ts";
import { annotationFaults } from "./service-annotations.ts";

interface DefinedPort {
  /** Empty or absent: without a name. */
  readonly name?: string;
  readonly port: number;
  /** TCP by default. */
  readonly protocol?: string;
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

export type IpFamily = "IPv4" | "IPv6";

/** A service as one cluster defines it. */
export interface DefinedService extends Named {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports: readonly (DefinedPort & { readonly targetPort?: number | string })[];
  /** Pods that it selects in its own cluster; undefined if the files do not tell. */
  readonly pods?: number;
  /** Exported by a ServiceExport. */
  readonly isExported?: boolean;
  readonly isHeadless?: boolean;
  /** Families of its addresses; undefined if the files do not tell, or if it has none. */
  readonly families?: readonly IpFamily[];
}

interface DefiningCluster extends AnnotatingCluster {
  /** False where no list of services is known, so that a missing one means nothing. */
  readonly hasServices: boolean;
  readonly services: readonly DefinedService[];
}

export interface ServiceProblem {
  readonly cluster: string;
  /** `namespace/name`. */
  readonly service: string;
  readonly problem: string;
  /**
   * `yes` if clients are refused or cannot resolve the name, `perhaps` if backends are only fewer than they seem, `no` if
   * it is worth a word, and works.
   */
  readonly matters: "yes" | "perhaps" | "no";
}

/**
 * What is wrong with the definitions of services across clusters, from the objects alone. `defects`:
 * suites/known-defects.yaml.
 */
export function serviceProblems(
  clusters: readonly DefiningCluster[],
  defects: readonly KnownDefect[],
): ServiceProblem[] {
  const keys = new Set(clusters.flatMap((c) => c.services.map(keyOf)));
  return [...keys].flatMap((key) => {
    const sides = clusters.flatMap((c) => {
      const service = c.services.find((s) => keyOf(s) === key);
      return service === undefined ? [] : [{ c, service }];
    });
    return [
      ...(sides.some(({ service }) => isGlobal(service.annotations))
        ? [
            ...withoutCounterpart(key, clusters, sides),
            ...otherFamilies(key, sides),
            ...otherPorts(key, sides),
            ...servedByNobody(key, clusters, sides),
            ...notServed(key, sides),
            ...dnsOfOthers(key, sides),
          ]
        : []),
      ...disagreements(sides).map((d) => ({ ...d, service: key })),
      ...sides.flatMap(({ c, service }) => misread(key, c, service)),
      ...sides.flatMap(({ c, service }) => triggered(key, { c, service }, defects)),
    ];
  });
}

const keyOf = ({ namespace, name }: Named): string => `${namespace}/${name}`;

/**
 * Ports of one definition that take no backends of another: a frontend with a name takes backends whose port has that
 * name or none (`matchesFrontend`, pkg/loadbalancer/writer/writer.go@1.20.2).
 */
export const unmatchedPorts = <T extends DefinedPort>(
  own: readonly T[],
  other: readonly DefinedPort[],
): readonly T[] =>
  own.filter(
    (p) =>
      (p.name ?? "") !== "" &&
      !other.some((q) => protocolOf(q) === protocolOf(p) && ["", p.name].includes(q.name ?? "")),
  );

/** A service that may be meant for another namespace's: of the same name, and of its own cluster only. */
export const namesakeOf = <T extends Named>(
  { namespace, name }: Named,
  services: readonly T[],
  ofOthers: readonly Named[],
): T | undefined =>
  services.find(
    (s) => s.name === name && s.namespace !== namespace && !ofOthers.some((o) => keyOf(o) === keyOf(s)),
  );

interface Side {
  readonly c: DefiningCluster;
  readonly service: DefinedService;
}

function withoutCounterpart(
  key: string,
  clusters: readonly DefiningCluster[],
  sides: readonly Side[],
): ServiceProblem[] {
  const global = sides.filter((s) => isGlobal(s.service.annotations)).map((s) => s.c.name);
  const [first] = sides;
  if (first === undefined) return [];
  const found: ServiceProblem[] = clusters
    .filter((c) => c.hasServices && !sides.some((s) => s.c === c))
    .map((c): ServiceProblem => {
      const others = clusters.filter((o) => o !== c).flatMap((o) => o.services);
      const elsewhere = namesakeOf(first.service, c.services, others);
      return {
        cluster: c.name,
        service: key,
        problem: `global in ${global.join(" and ")}, and absent here${elsewhere === undefined ? "" : ` (there is ${elsewhere.namespace}/${elsewhere.name}: namespaces must be equal)`}: clients of ${c.name} cannot resolve it`,
        matters: "yes",
      };
    });
  const notGlobal = sides.filter((s) => !isGlobal(s.service.annotations));
  return [
    ...found,
    ...notGlobal.map(({ c, service }): ServiceProblem => {
      const marks = idleMarks(service);
      const more = marks.length === 0 ? "" : `; ${marks.join(", ")} has no effect there`;
      return {
        cluster: c.name,
        service: key,
        problem: `is not global in ${c.name}, though it is in ${global.join(" and ")}: ${c.name} neither uses nor lends backends${more}`,
        matters: "perhaps",
      };
    }),
  ];
}

/**
 * A global service uses the backends of its own cluster, whatever it shares, and those that other clusters share
 * (Documentation/network/clustermesh/global-services.rst@1.20.2). Affinity only orders them, so it changes nothing where
 * there are none (affinity.rst).
 */
function servedByNobody(
  key: string,
  clusters: readonly DefiningCluster[],
  sides: readonly Side[],
): ServiceProblem[] {
  const isGlobalSide = (s: Side): boolean => isGlobal(s.service.annotations);
  return sides.filter(isGlobalSide).flatMap((own): ServiceProblem[] => {
    if (own.service.pods !== 0) return [];
    const others = clusters.filter((c) => c !== own.c).map((c) => notServing(c, sides));
    if (others.length === 0 || others.includes(undefined)) return [];
    return [
      {
        cluster: own.c.name,
        service: key,
        problem: `nobody serves it for clients in ${own.c.name}: ${own.c.name} has no pods of it, ${others.join(", ")}`,
        matters: "yes",
      },
    ];
  });
}

/** Why a cluster has no backends for others; undefined if it has some, or if nobody knows. */
function notServing(c: DefiningCluster, sides: readonly Side[]): string | undefined {
  const side = sides.find((s) => s.c === c);
  if (side === undefined) return c.hasServices ? `${c.name} does not have the service` : undefined;
  const { annotations, pods } = side.service;
  if (pods === 0) return `${c.name} has none either`;
  const left = whyLeftAlone(side);
  if (left?.isUnread === true && left.isSure) return `Cilium of ${c.name} does not read it`;
  if (isShared(annotations)) return undefined;
  const mark = annotations[annotation.shared] === undefined ? annotation.oldShared : annotation.shared;
  const why = isGlobal(annotations) ? `${mark}: "${annotations[mark]}"` : "it is not global there";
  return `${c.name} does not share ${pods === undefined ? "its own" : `its ${pods}`} (${why})`;
}

/** A placeholder may be any name of a service proxy. */
const whyLeftAlone = ({ c, service }: Side): LeftAlone | undefined =>
  leftAlone(service, {
    name: c.name,
    settings: c.unknown?.has(proxyNameSetting) === true ? undefined : c.settings,
  });

/** Labels for which Cilium does not serve it, in its own cluster. */
const notServed = (key: string, sides: readonly Side[]): ServiceProblem[] =>
  sides.flatMap((side): ServiceProblem[] => {
    const found = whyLeftAlone(side);
    if (found === undefined) return [];
    return [
      {
        cluster: side.c.name,
        service: key,
        problem: found.what,
        matters: found.isSure ? "yes" : "perhaps",
      },
    ];
  });

/** The DNS of several clusters under one name. */
function dnsOfOthers(key: string, sides: readonly Side[]): ServiceProblem[] {
  const found = sharedDns(sides.map(({ c, service }) => ({ cluster: c.name, version: c.version, service })));
  if (found === undefined) return [];
  const cluster = sides
    .filter(({ service }) => isGlobal(service.annotations))
    .map(({ c }) => c.name)
    .join(", ");
  return [{ cluster, service: key, problem: found.what, matters: found.isFallback ? "perhaps" : "yes" }];
}

const globalPairs = (sides: readonly Side[]): [Side, Side][] => {
  const global = sides.filter((s) => isGlobal(s.service.annotations));
  return global.flatMap((a, i) => global.slice(i + 1).map((b): [Side, Side] => [a, b]));
};

/** A frontend takes backends of its own family (`matchesFrontend`, pkg/loadbalancer/writer/writer.go@1.20.2). */
const otherFamilies = (key: string, sides: readonly Side[]): ServiceProblem[] =>
  globalPairs(sides).flatMap(([a, b]): ServiceProblem[] => {
    const [own, other] = [a.service.families ?? [], b.service.families ?? []];
    if (own.length === 0 || other.length === 0 || own.some((f) => other.includes(f))) return [];
    return [
      {
        cluster: `${a.c.name}, ${b.c.name}`,
        service: key,
        problem: `no IP family in common: ${a.c.name} ${own.join(" and ")}, ${b.c.name} ${other.join(" and ")}; a service takes backends of its own family only, so neither cluster uses those of the other`,
        matters: "yes",
      },
    ];
  });

function otherPorts(key: string, sides: readonly Side[]): ServiceProblem[] {
  return globalPairs(sides).flatMap(([a, b]): ServiceProblem[] => {
    const found = [...otherNames(a, b), ...missingPorts(a, b)];
    return found.map((f) => ({ ...f, cluster: `${a.c.name}, ${b.c.name}`, service: key }));
  });
}

type PortProblem = Pick<ServiceProblem, "problem" | "matters">;

const isTwin = (p: DefinedPort, q: DefinedPort): boolean =>
  q.port === p.port && protocolOf(q) === protocolOf(p);

/** Ports of one definition that take no backends of another, which has their number under another name. */
export const renamedPorts = <T extends DefinedPort>(
  own: readonly T[],
  other: readonly T[],
): { readonly p: T; readonly twin: T }[] =>
  unmatchedPorts(own, other).flatMap((p) => {
    const twin = other.find((q) => isTwin(p, q));
    return twin === undefined ? [] : [{ p, twin }];
  });

/** One number with two names. */
function otherNames(a: Side, b: Side): PortProblem[] {
  const [own, other] = [a.service.ports, b.service.ports];
  return renamedPorts(own, other).length + renamedPorts(other, own).length > 0
    ? [
        {
          problem: `port names differ: ${portsOf(a)}, ${portsOf(b)}; a named port takes backends of that name only`,
          matters: "yes",
        },
      ]
    : [];
}

/** Ports of one definition that the other has under no name and no number. DNS of a headless service knows no ports. */
function missingPorts(a: Side, b: Side): PortProblem[] {
  if (a.service.isHeadless === true || b.service.isHeadless === true) return [];
  const lacking = (own: Side, other: Side): string[] => {
    const ports = unmatchedPorts(own.service.ports, other.service.ports).filter(
      (p) => !other.service.ports.some((q) => isTwin(p, q)),
    );
    if (ports.length === 0) return [];
    return [
      `${own.c.name} has port ${ports.map(portText).join(" and ")}, and ${other.c.name} does not: clients of ${own.c.name} get no backend of ${other.c.name} there`,
    ];
  };
  const isAlone = (own: Side, other: Side): boolean =>
    unmatchedPorts(own.service.ports, other.service.ports).length === own.service.ports.length;
  const found = [...lacking(a, b), ...lacking(b, a)];
  return found.length === 0
    ? []
    : [{ problem: found.join("; "), matters: isAlone(a, b) && isAlone(b, a) ? "yes" : "perhaps" }];
}

const protocolOf = ({ protocol }: { readonly protocol?: string }): string => protocol ?? "TCP";
const portText = (p: DefinedPort): string =>
  `${p.port}${protocolOf(p) === "TCP" ? "" : `/${protocolOf(p)}`} ${p.name ?? "without a name"}`;
const portsOf = ({ c, service }: Side): string => `${c.name} ${service.ports.map(portText).join(" and ")}`;

/** Annotations, and labels in their place, that do not mean what they look like. */
const misread = (key: string, c: DefiningCluster, service: DefinedService): ServiceProblem[] =>
  annotationFaults(service, c.version).map(({ what, breaks }) => ({
    cluster: c.name,
    service: key,
    problem: what,
    matters: breaks ? "yes" : "perhaps",
  }));

/** The literal value, which the versions with the defect take for something else. */
export const hasAffinityNone = (annotations: DefinedService["annotations"]): boolean =>
  (annotations[annotation.affinity] ?? annotations[annotation.oldAffinity])?.toLowerCase() === "none";

/** What of a global service's definition triggers a defect, and what comes of it, by the ids of suites/known-defects.yaml. */
export const definitionTriggers: ReadonlyMap<
  string,
  { readonly isIn: (s: DefinedService) => boolean; readonly says: (cilium: string) => string }
> = new Map([
  [
    "cilium-46635",
    {
      isIn: ({ annotations }: DefinedService) => hasAffinityNone(annotations),
      says: (cilium: string) =>
        `affinity "none": Cilium ${cilium} takes it for local backends only, and leaves those of other clusters out: remove it`,
    },
  ],
  [
    "cilium-45179",
    {
      isIn: ({ ports }: DefinedService) => {
        const targets = ports.map((p) => `${p.targetPort ?? p.port}/${protocolOf(p)}`);
        return new Set(targets).size < targets.length;
      },
      says: (cilium: string) =>
        `two ports have one target port: Cilium ${cilium} keeps remote backends of one of them only`,
    },
  ],
]);

/** None of these defects depends on settings. */
function triggered(key: string, { c, service }: Side, defects: readonly KnownDefect[]): ServiceProblem[] {
  const { name, version } = c;
  if (version === undefined || !isGlobal(service.annotations)) return [];
  return defects.flatMap((defect): ServiceProblem[] => {
    const trigger = definitionTriggers.get(defect.id);
    const isHit = trigger?.isIn(service) === true && affects(defect, { name, cilium: version, settings: {} });
    if (trigger === undefined || !isHit) return [];
    return [
      {
        cluster: name,
        service: key,
        problem: `${trigger.says(version)} (known defect ${defect.id})`,
        matters: "yes",
      },
    ];
  });
}
