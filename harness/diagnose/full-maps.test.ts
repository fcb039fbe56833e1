import { expect, test } from "vitest";
import type { ClusterSnapshot, Logged } from "#harness/model/mesh-snapshot.ts";
import { east, sends, west } from "./example-clusters.ts";
import { fullMaps } from "./full-maps.ts";
import { ok, withSettings } from "./healthy-mesh.ts";
import { heldState } from "./held-state.ts";

const nowMs = Date.parse("2026-11-21T10:00:00Z");
const text =
  "Unable to update element for cilium_lb4_services_v2 map with file descriptor 21: the map is full";
const saying = (over: Partial<Logged> = {}): ClusterSnapshot => ({
  ...west,
  collectedMs: ok(nowMs),
  agents: [
    {
      ...west.agents[0],
      logged: ok([
        { kind: "map-full", name: "cilium_lb4_services_v2", text, times: 7, atMs: nowMs - 20_000, ...over },
      ]),
    },
  ],
});
const found = (of: ClusterSnapshot) =>
  fullMaps({ clusters: [east, of] }).map((f) => [f.severity, f.message, f.next]);

test("a full map is named with its setting, which is raised", () => {
  expect(found(withSettings(saying(), { "bpf-lb-map-max": "42" }))).toEqual([
    [
      "broken",
      `the BPF map cilium_lb4_services_v2 of west-worker of west is full (bpf-lb-map-max 42): services or backends that came later are missing in it: ${text}`,
      expect.stringMatching(/--set bpf\.lbMapMax=65536; kubectl .* restart daemonset\/cilium/),
    ],
  ]);
  expect(found(saying())[0]?.[2]).toContain("bpf.lbMapMax=131072");
  expect(found(saying({ name: "cilium_policy_v2_00815" }))[0]?.[1]).toContain("(bpf-policy-map-max 16384)");
  expect(found(saying({ name: "cilium_ipcache_v2" }))[0]?.[2]).toContain("its size is fixed");
});

test("one that was full earlier is suspect; other words are no finding", () => {
  expect(found(saying({ atMs: nowMs - 3_600_000 }))).toEqual([
    ["suspect", expect.stringContaining("was full"), expect.anything()],
  ]);
  expect(found(saying({ kind: "fatal" }))).toEqual([]);
});

test("what a full map lacks is not named again", () => {
  const lacking = (of: ClusterSnapshot): ClusterSnapshot => ({
    ...of,
    agents: of.agents.map((a) => ({
      ...a,
      services: ok([sends(["10.1.0.5", "10.2.0.5"])]),
      lbMaps: ok(new Map()),
    })),
  });
  const states = (of: ClusterSnapshot) => heldState({ clusters: [east, lacking(of)] }).map((f) => f.subject);
  expect(states(west)).toEqual(["BPF service map of west/west-worker"]);
  expect(states(saying())).toEqual([]);
});
