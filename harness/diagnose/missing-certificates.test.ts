import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, remote } from "./healthy-mesh.ts";
import { missingFile } from "./missing-certificates.ts";

const lacks = (file: string): string =>
  `Cannot parse etcd configuration: open /var/lib/cilium/clustermesh/${file}: no such file or directory`;

/** Of two agents. */
const agentsLacking = (file: string, ready: boolean): Partial<ClusterSnapshot> => ({
  agents: east.agents.flatMap((agent) =>
    ["node-1", "node-3"].map((node) => ({
      ...agent,
      node,
      remotes: ok([remote("west", 2, ready)]),
      trouble: ok(["east", "west"].map((peer) => ({ peer, step: lacks(file) }))),
    })),
  ),
});

const connectionsOf = (over: Partial<ClusterSnapshot>) =>
  causesOf(meshWith(over)).filter((f) => f.layer === "connections");

test("the file of an entry that is missing", () => {
  expect(missingFile(lacks("local-etcd-client.crt"))).toBe("local-etcd-client.crt");
  expect(missingFile("open /a/b.crt: permission denied")).toBeUndefined();
  expect(missingFile("open /var/lib/cilium/clustermesh/west: no such file or directory")).toBeUndefined();
});

test("one finding for all agents, with the Secret that holds it", () => {
  const found = connectionsOf(agentsLacking("local-etcd-client.crt", false));
  expect(found.map((f) => f.id)).toEqual(["certificate-missing"]);
  expect(found[0]).toMatchObject({
    ...{ severity: "broken", cluster: "east" },
    message:
      "the agents of east on node-1, node-3 lack file local-etcd-client.crt (key tls.crt of Secret clustermesh-apiserver-local-cert), so they are not connected to west",
    next: expect.stringMatching(/^let Helm make it: helm .*; then the file appears within two minutes/),
  });
});

test("who is still connected will not be again", () => {
  expect(connectionsOf(agentsLacking("local-etcd-client-ca.crt", true))).toMatchObject([
    {
      severity: "suspect",
      message: expect.stringMatching(
        /\(key ca\.crt of Secret \S+, or the bundle of tls\.caBundle\), so they are connected to west until /,
      ),
    },
  ]);
});

test("KVStoreMesh lacks another one, or that of one peer", () => {
  const messageOf = (file: string): string | undefined =>
    causesOf(
      meshWith({
        kvstoreMesh: ok([remote("west", 2, false)]),
        kvstoreMeshTrouble: ok([{ peer: "west", step: lacks(file) }]),
      }),
    ).find((f) => f.id === "certificate-missing")?.message;
  expect(messageOf("common-etcd-client.key")).toBe(
    "KVStoreMesh of east lacks file common-etcd-client.key (key tls.key of Secret clustermesh-apiserver-remote-cert), so it is not connected to west",
  );
  expect(messageOf("west.etcd-client.crt")).toContain(
    "(key west.etcd-client.crt of Secret cilium-kvstoremesh)",
  );
});
