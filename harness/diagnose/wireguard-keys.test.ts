import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { east, west } from "./example-clusters.ts";
import { ok, withSettings } from "./healthy-mesh.ts";
import { wireguardKeys } from "./wireguard-keys.ts";

const [old, now] = [
  "C3ag/0eEiKV4s1cl/6wyEWnpM6KhcEYvW2+/llKijjI=",
  "51IZ1g+1OkfDlZ3cPB9U7y1KdQYKW7IV5fb0Sbys9VM=",
];
const withKeys = (of: typeof west, announced: string, own: string | undefined): ClusterSnapshot => ({
  ...withSettings(of, { "enable-wireguard": "true" }),
  ciliumNodes: ok([{ name: "west-worker", podCidrs: [], wireguardKey: announced }]),
  agents: [
    {
      ...of.agents[0],
      encryption: ok({ xfrmErrors: {}, ...(own === undefined ? {} : { wireguardKey: own }) }),
    },
  ],
});
const found = (of: ClusterSnapshot) => wireguardKeys({ clusters: [east, of] });

test("a node that is announced with another key than its agent uses gets no traffic", () => {
  expect(found(withKeys(west, old, now)).map((f) => [f.id, f.message, f.next])).toEqual([
    [
      "wireguard-key-differs",
      expect.stringContaining(`announces the WireGuard key ${old}, and the agent there uses ${now}`),
      expect.stringContaining("spec.nodeName=west-worker"),
    ],
  ]);
});

test("equal keys, a key that is not known and a cluster without WireGuard are no finding", () => {
  expect(found(withKeys(west, now, now))).toEqual([]);
  expect(found(withKeys(west, old, undefined))).toEqual([]);
  expect(found(withKeys(west, "[redacted]", now))).toEqual([]);
  expect(found(withSettings(withKeys(west, old, now), { "enable-wireguard": "false" }))).toEqual([]);
});
