import { describe, expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { apiserverPod, causesOf, meshWith, ok, remote } from "./healthy-mesh.ts";

test("a container that the kernel killed for its memory: the limit is named, not its log", () => {
  const crashing = (reason: string, code: number) =>
    causesOf(
      meshWith({
        pods: ok([
          apiserverPod(1, {
            containers: [
              {
                ...{ name: "kvstoremesh", ready: false, restarts: 9, trouble: "CrashLoopBackOff" },
                ended: { reason, code },
              },
            ],
          }),
        ]),
      }),
    ).find((f) => f.id === "container-not-ready");
  expect(crashing("OOMKilled", 137)).toMatchObject({
    message: expect.stringMatching(
      /CrashLoopBackOff, 9 restarts; it last ended with OOMKilled, exit code 137$/,
    ),
    next: "raise its memory limit: clustermesh.apiserver.kvstoremesh.resources.limits.memory in the Helm values",
  });
  expect(crashing("Error", 1)?.next).toMatch(/^kubectl .* logs .* --previous$/);
});

describe("replicas of clustermesh-apiserver", () => {
  const [a, b] = ["clustermesh-apiserver-5f-aaaaa", "clustermesh-apiserver-5f-bbbbb"] as const;
  const pods = ok([apiserverPod(1, { name: a }), apiserverPod(1, { name: b, node: "node-9" })]);
  const step = "Cannot establish TCP connection to west.mesh.cilium.io:32379: i/o timeout";
  const states = (...lostIn: readonly string[]) =>
    ok([a, b].map((pod) => ({ ...remote("west", 2, !lostIn.includes(pod)), pod })));
  const told = (over: Partial<ClusterSnapshot>) =>
    causesOf(meshWith({ pods, ...over })).filter((f) => f.layer === "connections");

  test("one that does not reach a peer is named, with its node and what the other does", () => {
    const kvstoreMeshTrouble = ok([{ pod: a, peer: "west", step }]);
    expect(told({ kvstoreMesh: states(a), kvstoreMeshTrouble })).toMatchObject([
      {
        message: `KVStoreMesh of east in ${a} (node-1) cannot reach west: ${step}; in ${b} it is connected`,
        next: expect.stringMatching(
          new RegExp(`^check what drops packets from node-1 to west.* delete pod/${a}$`),
        ),
      },
    ]);
    expect(told({ kvstoreMesh: states(b) })).toMatchObject([
      {
        message: expect.stringMatching(new RegExp(`^KVStoreMesh of east in ${b} \\(node-9\\) is not ready`)),
      },
    ]);
  });

  test("if all fail alike it is the whole cluster's, said once", () => {
    const kvstoreMeshTrouble = ok([a, b].map((pod) => ({ pod, peer: "west", step })));
    expect(told({ kvstoreMesh: states(a, b), kvstoreMeshTrouble }).map((f) => f.message)).toEqual([
      `KVStoreMesh of east cannot reach west: ${step}`,
    ]);
  });
});
