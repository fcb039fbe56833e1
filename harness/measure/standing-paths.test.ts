import { expect, test } from "vitest";
import { trafficGroups } from "#harness/model/certificate.ts";
import { deniedPorts, standingEcho } from "#harness/workloads/standing-pods.ts";
import { exampleFacts } from "./example-facts.ts";
import { allowedPaths, deniedPaths, machineControl, requestsPerSecond } from "./standing-paths.ts";

const facts = exampleFacts();
const clusterOf = (pod: string): string | undefined => /^echo-(\w+)-/.exec(pod)?.[1];
const allowed = allowedPaths(facts, clusterOf);
const denied = deniedPaths(facts, "mp012345");
const titles = (paths: readonly { readonly path: string }[]): string[] => paths.map((p) => p.path);

test("two cores carry it: about as many requests as before the paths became so many, on fewer connections", () => {
  const all = [...allowed, ...denied, machineControl("172.18.0.9")];
  const onNewConnections = all.filter((p) => p.connection === "new");
  expect(requestsPerSecond(all)).toBeLessThan(330);
  expect(requestsPerSecond(onNewConnections)).toBeLessThan(200);
  // One per path and cluster: a prober's paths have titles of their own, which name their histories.
  expect(new Set(titles(all)).size).toBe(all.length);
});

test("every kind of traffic has a path", () => {
  expect(new Set(allowed.map((p) => p.group))).toEqual(new Set(trafficGroups));
  expect(new Set(allowed.map((p) => p.connection))).toEqual(new Set(["new", "reused", "tcp", "udp", "dns"]));
  const across = allowed
    .filter((p) => p.clusters.length === 2 && p.from.cluster === "east")
    .map((p) => p.path);
  expect(across).toEqual(
    expect.arrayContaining([
      "east: names from the DNS servers of the other side",
      "east: pod to the pods of a headless service of every cluster",
      "east: pod to the service that west exports (MCS-API)",
      "east/allowed to west/server over a UDP flow",
      "east/egress to west/target",
    ]),
  );
});

test("policies without a cluster label: what they select at the beginning decides whether a path is allowed or denied", () => {
  const unlabelled = (paths: typeof allowed) =>
    paths
      .filter((p) => p.group === "policy without cluster label" && p.path.includes("/allowed"))
      .map((p) => [p.path, p.decidedBy]);
  expect(unlabelled(allowed)).toEqual([
    ["east/allowed to east/server-unlabelled", undefined],
    ["east/allowed to west/server-unlabelled", "west"],
    ["west/allowed to west/server-unlabelled", undefined],
  ]);
  expect(unlabelled(denied)).toEqual([
    ["west/allowed to east/server-unlabelled (TCP)", "east"],
    ["west/allowed to east/server-unlabelled (UDP)", "east"],
  ]);
});

test("every kind of policy denies a flow of both clusters to both, by TCP and UDP; CIDRs deny one outside", () => {
  for (const to of ["east", "west"])
    for (const role of ["server", "server-deny", "server-kubernetes", "server-unlabelled", "target"])
      for (const from of ["east", "west"]) {
        const client = role === "target" ? "egress" : "denied";
        expect(titles(denied)).toEqual(
          expect.arrayContaining([
            `${from}/${client} to ${to}/${role} (TCP)`,
            `${from}/${client} to ${to}/${role} (UDP)`,
          ]),
        );
      }
  expect(titles(denied)).toContain("west/egress to outside of west (UDP)");
});

test("a denied TCP flow has a port that no allowed one uses and whose client it names, and its server listens there", () => {
  const portsOf = (paths: typeof allowed) =>
    new Set(paths.filter((p) => p.connection === "new").map((p) => p.port));
  const ports = portsOf(denied);
  expect([...portsOf(allowed)].filter((p) => ports.has(p))).toEqual([]);
  const clients = Map.groupBy(
    denied.filter((p) => p.connection === "new"),
    (p) => p.port,
  );
  for (const flows of clients.values()) expect(new Set(flows.map((f) => f.client)).size).toBe(1);
  const listening = standingEcho(2).httpPorts ?? [];
  expect([...ports].filter((p) => !listening.includes(p))).toEqual([]);
  expect(new Set(deniedPorts(20)).size).toBe(60);
});

test("IPv6 in a dual-stack mesh: a service, an allowed and every denied flow across, by TCP and UDP", () => {
  const dual = exampleFacts({ dualStack: true });
  expect(titles(allowedPaths(dual, clusterOf))).toEqual(
    expect.arrayContaining([
      "east: pod to a service of every cluster over IPv6",
      "east/allowed to west/server over IPv6",
    ]),
  );
  const six = deniedPaths(dual, "mp012345").filter((p) => p.host.includes(":"));
  expect(new Set(six.map((p) => p.connection))).toEqual(new Set(["new", "udp"]));
  expect(titles(six)).toContain("east/denied to west/server-deny (UDP, IPv6)");
});
