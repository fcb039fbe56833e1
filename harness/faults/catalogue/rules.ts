import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import { podProcess } from "#harness/cluster/kind/node-control.ts";
import { type LocalNode, onNode } from "#harness/cluster/node.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import type { FaultContext, Injected } from "../fault.ts";

/** The network namespace of a node, or of a pod on it. */
type Place =
  | { readonly node: KindNode; readonly podUid?: never }
  | { readonly node: LocalNode; readonly podUid: string };

/** A firewall rule and its place. */
export type Rule = Place & {
  /** `raw` comes before connection tracking, so it affects established flows too; only `filter` can reject. */
  readonly table: "raw" | "filter";
  readonly chain: "PREROUTING" | "INPUT" | "OUTPUT" | "FORWARD";
  readonly match: readonly string[];
  readonly jump: readonly string[];
};

export const dropIn = (node: KindNode, match: readonly string[]): Rule => ({
  node,
  table: "raw",
  chain: "PREROUTING",
  match,
  jump: ["DROP"],
});
export const dropOut = (node: KindNode, match: readonly string[]): Rule => ({
  node,
  table: "raw",
  chain: "OUTPUT",
  match,
  jump: ["DROP"],
});

/** Longer than the interval of the agents' health probes. */
const rareMs = 150_000;

const tables = ["raw", "filter"] as const;

/**
 * Adds firewall rules; the undo steps remove them. If no rule matches a packet, the fault has no effect, which is an
 * error. `rare`: matching traffic is rare, so the injection waits for the first packet.
 */
export async function setRules(
  ctx: FaultContext,
  rules: readonly Rule[],
  reported: {
    readonly subject: string;
    readonly names: readonly string[];
    readonly rare?: boolean;
    /** The rules affect only health probes. */
    readonly sparesConnections?: boolean;
  },
): Promise<Injected> {
  const places = [...new Map(rules.map((r) => [`${r.node.name} ${r.podUid ?? ""}`, r])).values()];
  await ctx.recordUndo(
    // Nodes' rules may have cut etcd connections, which take a while to reconnect.
    ...(places.some((p) => p.podUid === undefined) && reported.sparesConnections !== true
      ? [{ do: "await-mesh" } as const]
      : []),
    ...places.map((p) => ({
      do: "remove-rules" as const,
      node: p.node.name,
      mark: ctx.mark,
      ...(p.podUid === undefined ? {} : { podUid: p.podUid }),
    })),
  );
  // All places in parallel, so that a partition begins everywhere at the same time.
  await Promise.all(
    places.map(async (place) => {
      for (const r of rules.filter((r) => r.node.name === place.node.name && r.podUid === place.podUid))
        await inside(
          r.node,
          r.podUid,
          [
            ...["iptables", "-w", "-t", r.table, "-I", r.chain, ...r.match],
            ...["-m", "comment", "--comment", ctx.mark, "-j", ...r.jump],
          ],
          ctx.signal,
        );
    }),
  );
  const count = async (signal: AbortSignal): Promise<{ packets: number; gone: number }> => {
    let packets = 0;
    let gone = 0;
    for (const place of places) {
      const found = await rulesOf(place.node, place.podUid, ctx.mark, signal);
      if (found === undefined) gone += 1;
      packets += (found ?? []).reduce((sum, r) => sum + r.packets, 0);
    }
    return { packets, gone };
  };
  const firstPacket = (): Promise<void> =>
    eventually(async () => ((await count(ctx.signal)).packets > 0 ? ready(undefined) : notYet("none")), {
      what: `a packet to match the firewall rules on ${reported.subject}`,
      withinMs: rareMs,
      everyMs: 500,
      signal: ctx.signal,
    });
  return {
    subject: reported.subject,
    names: reported.names,
    ...(reported.rare === true ? { tookHold: firstPacket } : {}),
    async beforeHeal() {
      const { packets, gone } = await count(AbortSignal.timeout(30_000));
      // A deleted pod's counters are lost, so nothing is known.
      if (packets === 0 && gone < places.length)
        throw new MeshproofError(
          "fault-no-effect",
          `no packet matched the firewall rules on ${reported.subject}`,
        );
    },
  };
}

/** Removes the rules with a mark and checks that they are gone. */
export async function removeRules(
  node: LocalNode,
  mark: string,
  podUid: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const rule of (await rulesOf(node, podUid, mark, signal)) ?? [])
    await inside(node, podUid, ["iptables", "-w", "-t", rule.table, "-D", ...rule.argv], signal);
  if (((await rulesOf(node, podUid, mark, signal)) ?? []).length > 0)
    throw new MeshproofError("cleanup-failed", `firewall rules of ${mark} are still on ${node.name}`);
}

/** Undefined if the pod is gone. */
async function rulesOf(
  node: LocalNode,
  podUid: string | undefined,
  mark: string,
  signal: AbortSignal,
): Promise<{ table: string; argv: string[]; packets: number }[] | undefined> {
  const found: { table: string; argv: string[]; packets: number }[] = [];
  for (const table of tables) {
    const reported = await inside(node, podUid, ["iptables-save", "-c", "-t", table], signal);
    if (reported === undefined) return undefined;
    for (const line of reported.split("\n")) {
      const [, packets, rule] = /^\[(\d+):\d+\] -A (.*)$/.exec(line) ?? [];
      if (rule === undefined || !line.includes(mark)) continue;
      found.push({ table, argv: rule.replaceAll('"', "").split(" "), packets: Number(packets) });
    }
  }
  return found;
}

/** Runs a program in the network namespace of a node or pod; returns undefined if the pod is gone. */
async function inside(
  node: LocalNode,
  podUid: string | undefined,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (podUid === undefined) return (await onNode(node, argv, { signal })).stdout;
  const pid = await podProcess(node, podUid, signal);
  if (pid === undefined) return undefined;
  return (await onNode(node, ["nsenter", "-t", String(pid), "-n", ...argv], { signal })).stdout;
}
