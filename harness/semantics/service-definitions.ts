import { isAtLeast } from "#harness/lib/version.ts";
import { annotation, isGlobal } from "./annotations.ts";

/** A service as one cluster defines it. */
export interface DefinedService {
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly name?: string;
    readonly port: number;
    readonly protocol?: string;
    readonly targetPort?: number | string;
  }[];
}

interface DefiningCluster {
  readonly name: string;
  /** Of Cilium. */
  readonly version?: string;
  /** False where no list of services is known, so that a missing one means nothing. */
  readonly hasServices: boolean;
  readonly services: readonly DefinedService[];
}

export interface ServiceProblem {
  readonly cluster: string;
  /** `namespace/name`. */
  readonly service: string;
  readonly problem: string;
  /** Whether clients are refused or cannot resolve the name; else backends are only fewer than they seem. */
  readonly breaks: boolean;
}

/** What is wrong with the definitions of global services across clusters, from the objects alone. */
export function serviceProblems(clusters: readonly DefiningCluster[]): ServiceProblem[] {
  const keys = new Set(
    clusters.flatMap((c) =>
      c.services.filter((s) => isGlobal(s.annotations)).map((s) => `${s.namespace}/${s.name}`),
    ),
  );
  return [...keys].flatMap((key) => {
    const sides = clusters.flatMap((c) => {
      const service = c.services.find((s) => `${s.namespace}/${s.name}` === key);
      return service === undefined ? [] : [{ c, service }];
    });
    return [
      ...withoutCounterpart(key, clusters, sides),
      ...otherPorts(key, sides),
      ...sides.flatMap(({ c, service }) => ownProblems(key, c, service)),
    ];
  });
}

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
  const name = first?.service.name;
  const found: ServiceProblem[] = clusters
    .filter((c) => c.hasServices && !sides.some((s) => s.c === c))
    .map((c) => {
      const elsewhere = c.services.find((s) => s.name === name && isGlobal(s.annotations));
      return {
        cluster: c.name,
        service: key,
        problem: `global in ${global.join(" and ")}, and absent here${elsewhere === undefined ? "" : ` (there is ${elsewhere.namespace}/${elsewhere.name}: namespaces must be equal)`}: clients of ${c.name} cannot resolve it`,
        breaks: true,
      };
    });
  const notGlobal = sides.filter((s) => !isGlobal(s.service.annotations));
  return [
    ...found,
    ...notGlobal.map(({ c }) => ({
      cluster: c.name,
      service: key,
      problem: `is not global in ${c.name}, though it is in ${global.join(" and ")}: ${c.name} neither uses nor lends backends`,
      breaks: false,
    })),
  ];
}

/** A frontend with a name takes backends of that name only (`matchesFrontend`, pkg/loadbalancer/writer/writer.go@1.20.2). */
function otherPorts(key: string, sides: readonly Side[]): ServiceProblem[] {
  const global = sides.filter((s) => isGlobal(s.service.annotations));
  return global.flatMap((a, i) =>
    global.slice(i + 1).flatMap((b): ServiceProblem[] => {
      const missing = a.service.ports.filter(
        (p) =>
          !b.service.ports.some((q) => (q.name ?? "") === (p.name ?? "") && protocolOf(q) === protocolOf(p)),
      );
      if (missing.length === 0) return [];
      return [
        {
          cluster: `${a.c.name}, ${b.c.name}`,
          service: key,
          problem: `port names differ: ${portsOf(a)}, ${portsOf(b)}; a named port takes backends of that name only`,
          breaks: true,
        },
      ];
    }),
  );
}

const protocolOf = ({ protocol }: { readonly protocol?: string }): string => protocol ?? "TCP";
const portsOf = ({ c, service }: Side): string =>
  `${c.name} ${service.ports.map((p) => `${p.port} ${p.name ?? "without a name"}`).join(" and ")}`;

function ownProblems(
  key: string,
  c: DefiningCluster,
  { annotations, ports }: DefinedService,
): ServiceProblem[] {
  const problems: ServiceProblem[] = [];
  const say = (problem: string, breaks: boolean): void => {
    problems.push({ cluster: c.name, service: key, problem, breaks });
  };
  const affinity = annotations[annotation.affinity] ?? annotations[annotation.oldAffinity];
  if (
    affinity !== undefined &&
    isGlobal(annotations) &&
    !["", "local", "remote"].includes(affinity.toLowerCase())
  ) {
    // cilium/cilium#46623: the text was compared as it is; 1.19.4 has it, 1.19.7 and 1.20.0 do not.
    const reads = c.version === undefined || isAtLeast(c.version, "1.19.7");
    if (!reads)
      say(
        `affinity ${JSON.stringify(affinity)}: Cilium ${c.version} takes it for local backends only, and leaves those of other clusters out: remove it`,
        true,
      );
    else if (affinity.toLowerCase() !== "none")
      say(`affinity ${JSON.stringify(affinity)} is neither local, remote nor none: it has no effect`, false);
  }
  for (const [now, old] of [
    [annotation.global, annotation.oldGlobal],
    [annotation.shared, annotation.oldShared],
    [annotation.affinity, annotation.oldAffinity],
  ] as const) {
    const [a, b] = [annotations[now], annotations[old]];
    if (a !== undefined && b !== undefined && a.toLowerCase() !== b.toLowerCase())
      say(`${now} is ${a}, ${old} is ${b}: the first counts`, false);
  }
  for (const key of [
    annotation.global,
    annotation.shared,
    annotation.oldGlobal,
    annotation.oldShared,
  ] as const) {
    const value = annotations[key];
    if (value !== undefined && !["true", "false"].includes(value.toLowerCase()))
      say(`${key} is ${JSON.stringify(value)}: any value but true means false`, true);
  }
  const targets = ports.map((p) => `${p.targetPort ?? p.port}/${protocolOf(p)}`);
  // cilium/cilium#45109, fixed in 1.18.10 and 1.19.4.
  const loses =
    c.version !== undefined &&
    ((isAtLeast(c.version, "1.18") && !isAtLeast(c.version, "1.18.10")) ||
      (isAtLeast(c.version, "1.19") && !isAtLeast(c.version, "1.19.4")));
  if (isGlobal(annotations) && loses && new Set(targets).size < targets.length)
    say(
      `two ports have one target port: Cilium ${c.version} keeps remote backends of one of them only`,
      true,
    );
  return problems;
}
