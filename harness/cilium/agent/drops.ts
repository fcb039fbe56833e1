import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type EventuallyOptions, eventually, notYet, ready } from "#harness/lib/eventually.ts";

/** A packet that an agent's monitor reports as dropped. */
export interface Drop {
  readonly reason: string;
  readonly source: string;
  readonly destination: string;
  /** Of the destination; undefined for a protocol without ports. */
  readonly port: number | undefined;
  readonly protocol: string;
}

const dropLine = /\bdrop \(([^)]+)\).*: (\S+) -> (\S+) (\w+)/;

/**
 * A line of `cilium-dbg monitor --type drop`, such as `xx drop (Policy denied) flow 0x0 to endpoint 12, ..., identity
 * 1->2: 10.1.0.5:40112 -> 10.2.1.7:8080 tcp SYN` (pkg/monitor/datapath_drop.go, dissect.go).
 */
export function dropOf(line: string): Drop | undefined {
  const [, reason, from, to, protocol] = dropLine.exec(line) ?? [];
  if (reason === undefined || from === undefined || to === undefined || protocol === undefined)
    return undefined;
  const source = endOf(from);
  const { address: destination, port } = endOf(to);
  return { reason, source: source.address, destination, port, protocol: protocol.toLowerCase() };
}

/** `10.1.0.5:40112`, `[fd00::1]:80`, or an address alone. */
function endOf(text: string): { address: string; port: number | undefined } {
  const [, v6, v4, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  return { address: v6 ?? v4 ?? text, port: port === undefined ? undefined : Number(port) };
}

/** A flow whose drops are waited for. */
export interface DroppedFlow {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
}

export const isOfFlow = (drop: Drop, flow: DroppedFlow): boolean =>
  drop.source === flow.source &&
  drop.destination === flow.destination &&
  drop.port === flow.port &&
  drop.protocol === flow.protocol;

const describe = (f: DroppedFlow): string => `${f.source} -> ${f.destination}:${f.port}/${f.protocol}`;

/**
 * Follows the drop monitor of a node's agent until it has reported a drop of each flow, which somebody else sends; returns
 * the first reason for each. A drop of any other flow says nothing.
 */
export async function dropReasons(
  cluster: Cluster,
  node: string,
  flows: readonly DroppedFlow[],
  options: Omit<EventuallyOptions, "what">,
): Promise<string[]> {
  const agent = (await cluster.agents()).find((a) => a.node === node);
  if (agent === undefined)
    throw new MeshproofError("kube-request", `no agent runs on ${cluster.name}/${node}`);
  const reasons = new Map<DroppedFlow, string>();
  let others = 0;
  const monitor = await cluster.kube.start(
    {
      namespace: "kube-system",
      pod: agent.pod,
      container: "cilium-agent",
      argv: ["cilium-dbg", "monitor", "--type", "drop"],
    },
    (line) => {
      const drop = dropOf(line);
      if (drop === undefined) return;
      const flow = flows.find((f) => isOfFlow(drop, f));
      if (flow === undefined) others += 1;
      else if (!reasons.has(flow)) reasons.set(flow, drop.reason);
    },
  );
  try {
    return await eventually(
      async () => {
        const missing = flows.filter((f) => !reasons.has(f));
        return missing.length === 0 && flows.length > 0
          ? ready(flows.map((f) => reasons.get(f) ?? ""))
          : notYet(`no drop of ${missing.map(describe).join(", ")}, ${others} of other flows`);
      },
      { what: `the agent of ${cluster.name}/${node} to report the drops`, ...options },
    );
  } finally {
    monitor.kill();
  }
}
