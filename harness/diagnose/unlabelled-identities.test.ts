import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { east, healthy, labelsOf, west } from "./example-clusters.ts";
import { ok, withSettings } from "./healthy-mesh.ts";
import { diagnose } from "./index.ts";
import { unlabelledIdentities } from "./unlabelled-identities.ts";

const leavesOut = { "identity-allocation-mode": "crd", labels: "!io.cilium.k8s.policy.*" };
const withoutLabel = (cluster: ClusterSnapshot): ClusterSnapshot => ({
  ...cluster,
  ciliumIdentities: ok([
    { id: 131_372, labels: labelsOf("west").filter((l) => !l.includes("policy.cluster")) },
  ]),
});
const found = (of: ClusterSnapshot, reader: ClusterSnapshot = east) =>
  unlabelledIdentities({ clusters: [reader, of] }).map((f) => [f.severity, f.cluster, f.message, f.next]);

test("identities without the label of their cluster are refused, and the setting that leaves it out is named", () => {
  expect(found(withoutLabel(withSettings(west, leavesOut)))).toEqual([
    [
      "broken",
      "west",
      "no identity of west has the label io.cilium.k8s.policy.cluster (the setting labels of west (!io.cilium.k8s.policy.*) leaves out the label io.cilium.k8s.policy.cluster): agents of east refuse those without it, so their pods are unknown there, and no policy that selects pods selects them",
      expect.stringMatching(
        /--set labels=; kubectl -n kube-system rollout restart daemonset\/cilium deployment\/cilium-operator; then restart its pods/,
      ),
    ],
  ]);
  // Nothing says why.
  expect(found(withoutLabel(west))).toEqual([
    ["broken", "west", expect.stringContaining("no identity of west has the label"), expect.anything()],
  ]);
});

test("a setting that has had no effect yet is suspect", () => {
  expect(found(withSettings(west, leavesOut))).toEqual([
    ["suspect", "west", expect.stringContaining("identities that are made from now on"), expect.anything()],
  ]);
});

test("nothing is wrong with the default, with patterns that keep it, and where agents do not require it", () => {
  expect(unlabelledIdentities(healthy)).toEqual([]);
  expect(found(withSettings(west, { ...leavesOut, labels: "k8s:app k8s:io\\.kubernetes\\.pod" }))).toEqual(
    [],
  );
  expect(found(withoutLabel(west), { ...east, ciliumVersion: ok("1.15.9") })).toEqual([]);
});

test("it is a cause of its own in a diagnosis", () => {
  const ids = diagnose({ clusters: [east, withoutLabel(withSettings(west, leavesOut))] }, []).map(
    (f) => f.id,
  );
  expect(ids).toContain("identity-without-cluster");
});
