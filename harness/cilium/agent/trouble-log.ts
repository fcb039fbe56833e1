import { given } from "#harness/lib/given.ts";
import type { Logged } from "#harness/model/mesh-snapshot.ts";
import { lineTimeMs } from "./line-time.ts";

// What an agent logs that explains what is missing elsewhere: full maps, policies that it refuses, why it ended.

/** A longer line is not Cilium's, and would take long to match. */
const longestLine = 8192;
const longestText = 400;

interface Reader {
  readonly kind: Logged["kind"];
  /** In every such line: most lines of a log have none of them. */
  readonly words: readonly string[];
  readonly read: (line: string) => Pick<Logged, "name" | "text"> | undefined;
}

/**
 * E2BIG of an update, in every form: of pkg/bpf in earlier versions (cilium#28726), `update map %s` of pkg/bpf/map_linux.go
 * and `upsertService` of pkg/loadbalancer/reconciler/bpf_reconciler.go, both @1.20.2.
 */
const fullMap: readonly RegExp[] = [
  /Unable to update element for (\S{1,64}) map with file descriptor \d+: the map is full/,
  /update map (\S{1,64}): update: [^"]{0,80}argument list too long/,
  /Unable to update element for (LB) bpf map: You can resize it with the flag/,
];

const readers: readonly Reader[] = [
  {
    kind: "map-full",
    words: ["map is full", "argument list too long", "LB bpf map"],
    read: (line) => {
      const found = fullMap.map((pattern) => pattern.exec(line)).find((m) => m !== null);
      if (found === undefined || found === null) return undefined;
      // The third form does not say of which address family.
      const name = found[1] === "LB" ? "cilium_lb_services" : (found[1] ?? "");
      return { name, text: found[0] };
    },
  },
  {
    // `upsertCiliumNetworkPolicyV2`, pkg/policy/k8s/cilium_network_policy.go@1.20.2; of clusterwide policies too.
    kind: "policy-refused",
    words: ["Unable to add CiliumNetworkPolicy"],
    read: (line) => {
      if (fieldOf(line, "msg") !== "Unable to add CiliumNetworkPolicy") return undefined;
      const name = fieldOf(line, "ciliumNetworkPolicyName") ?? "";
      const namespace = fieldOf(line, "k8sNamespace") ?? "";
      const error = fieldOf(line, "error") ?? fieldOf(line, "err") ?? "";
      if (!/^[\w.-]{1,253}$/.test(name) || error === "") return undefined;
      return { name: namespace === "" ? name : `${namespace}/${name}`, text: error };
    },
  },
  {
    // What ends the process: `Start hook failed` of hive, and logging.Fatal.
    kind: "fatal",
    words: ["level=fatal", '"level":"fatal"', "Start hook failed", "Failed to start"],
    read: (line) => {
      const message = fieldOf(line, "msg") ?? "";
      const isFatal = fieldOf(line, "level") === "fatal";
      if (!isFatal && !/^(?:Start hook failed|Failed to start)$/.test(message)) return undefined;
      const error = fieldOf(line, "error") ?? fieldOf(line, "err");
      return { name: "", text: error ?? message };
    },
  },
];

/** The value of a field of a line, in the text or in the JSON format; without its escapes. */
function fieldOf(line: string, key: string): string | undefined {
  const [, quoted, bare] =
    new RegExp(`(?:^|[\\s{,])"?${key}"?\\s?[=:]\\s?(?:"((?:[^"\\\\]|\\\\.){0,2000})"|([^\\s",}]+))`).exec(
      line,
    ) ?? [];
  return quoted?.replaceAll(/\\(.)/g, "$1") ?? bare;
}

function troubleOf(line: string): Pick<Logged, "kind" | "name" | "text"> | undefined {
  if (line.length > longestLine) return undefined;
  for (const { kind, words, read } of readers) {
    if (!words.some((w) => line.includes(w))) continue;
    const found = read(line);
    if (found !== undefined) return { kind, name: found.name, text: found.text.slice(0, longestText) };
  }
  return undefined;
}

/** Whether a log line is one of these. */
export const isTroubleLine = (line: string): boolean => troubleOf(line) !== undefined;

/** The lines of a log that `readTroubleLog` reads. */
export const troubleLines = (log: string): string => log.split("\n").filter(isTroubleLine).join("\n");

/** Those of a log: one for each map, policy or error, with how many there were, and the words and the time of the last. */
export function readTroubleLog(log: string): Logged[] {
  const found = new Map<string, Logged>();
  for (const line of log.split("\n")) {
    const trouble = troubleOf(line);
    if (trouble === undefined) continue;
    const key = JSON.stringify([trouble.kind, trouble.kind === "fatal" ? "" : trouble.name]);
    const before = found.get(key);
    found.set(key, {
      ...trouble,
      times: (before?.times ?? 0) + 1,
      ...given({ atMs: lineTimeMs(line) ?? before?.atMs }),
    });
  }
  return [...found.values()];
}
