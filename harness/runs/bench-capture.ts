import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { contains, parseCidr } from "#harness/core/cidr.ts";
import { MeshproofError } from "#harness/core/errors.ts";
import { pause } from "#harness/core/eventually.ts";
import type { History } from "#harness/core/history.ts";
import { newRunId } from "#harness/global-setup.ts";
import { execIn, execLines } from "#harness/host/docker.ts";
import { requireLab } from "#harness/lab/lab.ts";
import { echoHttpPort } from "#harness/mesh/echo.ts";
import { Mesh } from "#harness/mesh/mesh.ts";
import { testLab } from "./test.ts";

/** An HTTP answer of a backend as its node saw it leave; the clocks of nodes and host are one. */
export interface CapturedAnswer {
  readonly atUnixMs: number;
  readonly from: string;
  readonly to: string;
}

/** Segments from the echo port whose payload begins with "HTTP". */
const answers = `tcp src port ${echoHttpPort} and tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x48545450`;

/** One line of `tcpdump -i any -nn -tt`; only what leaves a pod's own interface, so that no answer counts twice. */
export function readCapture(line: string): CapturedAnswer | undefined {
  const found = /^(\d+\.\d+) lxc\S* +(?:In|Out|P|B)? *IP ([\d.]+)\.\d+ > ([\d.]+)\.\d+:/.exec(line);
  return found === null ? undefined : { atUnixMs: Number(found[1]) * 1000, from: found[2]!, to: found[3]! };
}

/**
 * The prober against packet captures on the backends' nodes, over a run of the failover suite: how far apart its last
 * answer of the old side and its first of the new are from what the wire saw.
 */
export async function benchCapture(
  lab: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const mesh = new Mesh(await requireLab(lab));
  const nodes = (await Promise.all(mesh.clusters.map((c) => c.nodes()))).flat().map((n) => n.name);
  for (const node of nodes) {
    if ((await execIn(node, ["sh", "-c", "command -v tcpdump"], { tolerate: true })).exitCode !== 0)
      throw new MeshproofError("machine-unfit", `node ${node} has no tcpdump`, {
        cure: "use a lab whose images were built (`--images source`)",
      });
  }
  const captured: CapturedAnswer[] = [];
  const captures = nodes.map((node) =>
    execLines(node, ["tcpdump", "-i", "any", "-nn", "-tt", "-l", answers], (line) => {
      const answer = readCapture(line);
      if (answer !== undefined) captured.push(answer);
    }),
  );
  let dir: string;
  try {
    await pause(2000, signal);
    const finished = await testLab({
      lab,
      suites: ["failover"],
      runId: newRunId(),
      command: `npm run bench -- capture ${lab}`,
      say,
      signal,
    });
    dir = finished.dir;
  } finally {
    for (const node of nodes) await execIn(node, ["pkill", "-x", "tcpdump"], { tolerate: true });
    for (const capture of captures) capture.kill();
  }
  const pods = new Map(mesh.clusters.map((c) => [c.name, parseCidr(c.podCidr)]));
  const lines: string[] = [];
  for (const from of mesh.clusters) {
    for (const to of mesh.clusters.filter((c) => c !== from)) {
      const name = `${from.name}-to-${to.name}-ClusterIP-of-${from.name}-from-a-pod.json`;
      const history = JSON.parse(await readFile(join(dir, "histories", name), "utf8")) as History;
      lines.push(compare(history, captured, { from: from.name, to: to.name }, pods));
    }
  }
  return [`${captured.length} answers captured on ${nodes.length} nodes`, ...lines];
}

function compare(
  history: History,
  captured: readonly CapturedAnswer[],
  move: { readonly from: string; readonly to: string },
  pods: ReadonlyMap<string, ReturnType<typeof parseCidr>>,
): string {
  const [away, back] = history.marks.map((m) => m.atMs);
  const zero = history.startedAtUnixMs;
  const good = history.samples.filter((s) => s.outcome === "ok" && s.sentMs < back!);
  const ends = (cluster: string, sinceMs: number): number[] =>
    good.filter((s) => s.cluster === cluster && s.sentMs > sinceMs).map((s) => s.endMs + zero);
  const inWindow = captured.filter((a) => a.atUnixMs >= zero && a.atUnixMs <= zero + back!);
  // The prober's pod takes the most answers of all the pods of its cluster.
  const counts = new Map<string, number>();
  for (const a of inWindow)
    if (contains(pods.get(move.from)!, a.to)) counts.set(a.to, (counts.get(a.to) ?? 0) + 1);
  const [pod] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [];
  const seen = (cluster: string, sinceMs: number): number[] =>
    inWindow
      .filter((a) => a.to === pod && contains(pods.get(cluster)!, a.from) && a.atUnixMs > zero + sinceMs)
      .map((a) => a.atUnixMs);
  const lastOldMs = Math.max(...ends(move.from, 0)) - Math.max(...seen(move.from, 0));
  const firstNewMs = Math.min(...ends(move.to, away!)) - Math.min(...seen(move.to, away!));
  return `${move.from} to ${move.to}: last answer of the old side ${lastOldMs.toFixed(2)} ms, first of the new ${firstNewMs.toFixed(2)} ms after the wire (interval ${history.everyMs} ms)`;
}
