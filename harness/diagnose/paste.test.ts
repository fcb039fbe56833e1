import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import type { ClusterSnapshot, Part } from "#harness/model/mesh-snapshot.ts";
import { unpackFixture } from "./fixture.ts";
import { diagnose } from "./index.ts";
import { remedyCommands } from "./remedy-commands.ts";

const listedDefects = await readKnownDefects(join(import.meta.dirname, "../../suites"));

const hostile = "--all; echo 'planted' $(id)";

const withOne = <T>(part: Part<readonly T[]>, more: T): Part<readonly T[]> => ({
  ok: true,
  value: [...(part.ok ? part.value : []), more],
});

/** A cluster with one of each object that `diagnose` refers to, with names chosen by the author of the archive. */
const planted = (cluster: ClusterSnapshot): ClusterSnapshot => ({
  ...cluster,
  containers: withOne(cluster.containers, { name: hostile, state: "exited" }),
  nodeStates: [...cluster.nodeStates, { node: hostile, rules: { ok: true, value: [] }, stopped: [hostile] }],
  ciliumEndpoints: withOne(cluster.ciliumEndpoints, {
    namespace: hostile,
    name: hostile,
    ip: "10.1.2.3",
    identity: 1,
  }),
  endpoints: withOne(cluster.endpoints, {
    namespace: hostile,
    service: hostile,
    ip: "10.1.2.3",
    ready: true,
  }),
  services: withOne(cluster.services, {
    namespace: hostile,
    name: hostile,
    type: "ClusterIP",
    clusterIp: "10.1.2.3",
    loadBalancerIp: "",
    annotations: {},
    selector: { a: "b" },
  }),
  policies: withOne(cluster.policies, {
    namespace: hostile,
    name: hostile,
    spec: { ingressDeny: [{ fromEntities: ["all"] }] },
  }),
});

test("a line to paste passes each name to its command as one word, and never to kubectl as an option", () => {
  const file = join(import.meta.dirname, "fixtures/stale-endpoint.json.gz");
  const { snapshot } = unpackFixture(readFileSync(file), "stale-endpoint");
  const findings = diagnose({ ...snapshot, clusters: snapshot.clusters.map(planted) }, listedDefects);
  const clusters = snapshot.clusters.map((c) => c.name);
  const lines = findings
    .flatMap((f) => remedyCommands(f, clusters).map((c) => c.text))
    .filter((l) => l.includes("planted"));
  expect(lines.length).toBeGreaterThanOrEqual(5);
  for (const line of lines) {
    // The commands are replaced by one that prints its arguments.
    const shown = execFileSync("sh", [
      "-c",
      `show() { printf '%s\\0' "$@"; }; alias kubectl=show docker=show cilium-dbg=true\n${line}`,
    ]).toString();
    const words = shown.split("\0").filter((w) => w.includes("planted"));
    expect(words.length, line).toBeGreaterThan(0);
    for (const word of words) expect(word, line).toMatch(/^(\S*[/=])?--all; echo 'planted' \$\(id\)$/);
    const kubectl = line.startsWith("kubectl") ? shown.split("\0").slice(0, -1) : [];
    // `-n` takes the next word even if it looks like an option.
    expect(
      kubectl.filter((w, i) => w === hostile && kubectl[i - 1] !== "-n"),
      line,
    ).toEqual([]);
  }
});
