import { isAtLeast, minorOf } from "#harness/lib/version.ts";

interface CiliumMinor {
  /** The newest patch release that the module proxy serves. */
  readonly cilium: string;
  /** What a lab of this minor runs where nothing else is requested. */
  readonly kubernetes: string;
  /** The minors that upstream tests it with: Documentation/network/kubernetes/compatibility.rst of that release. */
  readonly testedKubernetes: readonly string[];
}

/** Every version that this repository chooses itself. `npm run outdated` lists newer ones that are served. */
export const pins = {
  cilium: "1.20.2",
  minors: {
    "1.18": {
      cilium: "1.18.11",
      kubernetes: "1.34.9",
      testedKubernetes: ["1.30", "1.31", "1.32", "1.33"],
    },
    "1.19": {
      cilium: "1.19.7",
      kubernetes: "1.34.9",
      testedKubernetes: ["1.32", "1.33", "1.34", "1.35"],
    },
    "1.20": {
      cilium: "1.20.2",
      kubernetes: "1.36.4",
      testedKubernetes: ["1.33", "1.34", "1.35", "1.36"],
    },
  } as Readonly<Record<string, CiliumMinor>>,
  /** Of Cilium's module: release branches do not hold the CLI. Built for profile cli only. */
  ciliumCli: "v1.18.0-pre.3",
  kind: "v0.33.0",
  helm: "v3.22.0",
  containerd: "v2.4.2",
  cniPlugins: "v1.10.0",
  /** The least: names under clusterset.local need 1.12.2 (Cilium's MCS-API guide). */
  coredns: "v1.15.0",
  /** The program of the trial registry, and of no lab. */
  registryTool: "v0.20.6",
} as const;

/** The Kubernetes version of a lab with this Cilium version; that of the newest minor for a newer one. */
export function kubernetesFor(cilium: string): string {
  const known = pins.minors[minorOf(cilium)];
  if (known !== undefined) return known.kubernetes;
  const minors = Object.entries(pins.minors);
  const older = minors.filter(([minor]) => isAtLeast(cilium, minor));
  const [, nearest] = older.at(-1) ?? minors[0] ?? [];
  return nearest?.kubernetes ?? "";
}

/** The full version that a minor such as `1.36` may mean: one of the pins. */
export function pinnedPatch(minor: string, of: "cilium" | "kubernetes"): string | undefined {
  const all = Object.values(pins.minors).map((m) => m[of]);
  return all.find((v) => minorOf(v) === minor);
}

/** What a report says of a pair that upstream does not test; undefined for one that it tests, or an unknown minor. */
export function untestedPair(cilium: string, kubernetes: string): string | undefined {
  const tested = pins.minors[minorOf(cilium)]?.testedKubernetes;
  if (tested === undefined || tested.includes(minorOf(kubernetes))) return undefined;
  return `Cilium ${minorOf(cilium)} is not tested upstream with Kubernetes ${minorOf(kubernetes)} (tested: ${tested.join(", ")})`;
}
