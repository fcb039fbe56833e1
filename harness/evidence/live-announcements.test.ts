import { expect, test } from "vitest";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { KindRef, KubeObject } from "#harness/kube/kube.ts";
import type { Announcements } from "#harness/model/announcements.ts";
import type { Part } from "#harness/model/mesh-snapshot.ts";
import { collectEvidence } from "./evidence.ts";
import { snapshotOf } from "./snapshot.ts";

const advertisement: KubeObject = {
  ...{ apiVersion: "cilium.io/v2", kind: "CiliumBGPAdvertisement", metadata: { name: "lb" } },
  spec: {
    advertisements: [
      {
        advertisementType: "Service",
        service: { addresses: ["LoadBalancerIP"], aggregationLengthIPv4: "private" },
        selector: { matchLabels: { bgp: "advertise" } },
        attributes: { communities: { standard: ["private"] } },
      },
    ],
  },
};
const router: KubeObject = {
  ...{ apiVersion: "cilium.io/v2alpha1", kind: "CiliumBGPPeeringPolicy", metadata: { name: "old" } },
  spec: {
    virtualRouters: [
      { serviceSelector: { matchLabels: { a: "b" } }, neighbors: [{ peerAddress: "private" }] },
    ],
  },
};

interface Live {
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
  /** By `apiVersion plural`; the API server has no other kind of BGP. */
  readonly objects: Readonly<Record<string, readonly KubeObject[]>>;
}

/** The files of a cluster's evidence, what they say of announcements, and which kinds of BGP were asked for. */
async function collected({ version, settings, objects }: Live): Promise<{
  readonly text: string;
  readonly announcements: Part<Announcements> | undefined;
  readonly asked: readonly string[];
}> {
  const asked: string[] = [];
  const kube = {
    list: async ({ apiVersion, plural }: KindRef) => {
      if (!plural.includes("bgp")) return [];
      asked.push(`${apiVersion} ${plural}`);
      const found = objects[`${apiVersion} ${plural}`];
      if (found === undefined) throw new Error("the server could not find the requested resource");
      return found;
    },
    get: async (_kind: KindRef, _namespace: string, name: string) =>
      name === "cilium-config" ? { data: settings } : undefined,
    logs: async () => "",
  };
  const cluster = {
    ...{ name: "east", kube, ciliumVersion: version, capabilities: { hasKvstoreMesh: false } },
    agents: async () => [],
    nodes: async () => [],
  };
  const evidence = await collectEvidence({ clusters: [cluster] } as unknown as Mesh, { logs: false });
  const files = [...(evidence.get("east") ?? [])].filter(([name]) => name.includes("bgp"));
  return {
    text: files.map(([, text]) => text).join("\n"),
    announcements: snapshotOf(evidence).clusters[0]?.announcements,
    asked,
  };
}

const on = { "enable-bgp-control-plane": "true" };
const ofAdvertisement = {
  title: "CiliumBGPAdvertisement lb",
  selector: { matchLabels: { bgp: "advertise" } },
  loadBalancerIps: true,
};

test("a live mesh shows what BGP announces of services, without peers and attributes of routes", async () => {
  const { announcements, asked, text } = await collected({
    ...{ version: "1.18.6", settings: on },
    objects: {
      "cilium.io/v2 ciliumbgpadvertisements": [advertisement],
      "cilium.io/v2alpha1 ciliumbgppeeringpolicies": [router],
    },
  });
  expect(asked).toHaveLength(2);
  expect(text).not.toContain("private");
  expect(announcements).toEqual({
    ok: true,
    value: {
      bgp: [
        ofAdvertisement,
        {
          title: "CiliumBGPPeeringPolicy old",
          selector: { matchLabels: { a: "b" } },
          loadBalancerIps: true,
        },
      ],
    },
  });
});

test("a kind that the API server lacks is tolerated, and one that the version lacks is not asked for", async () => {
  const objects = { "cilium.io/v2 ciliumbgpadvertisements": [advertisement] };
  const without = await collected({ version: "1.18.6", settings: on, objects });
  expect(without.announcements).toEqual({ ok: true, value: { bgp: [ofAdvertisement] } });
  const later = await collected({ version: "1.20.2", settings: on, objects });
  expect(later.asked).toEqual(["cilium.io/v2 ciliumbgpadvertisements"]);
  const none = await collected({ version: "1.20.2", settings: on, objects: {} });
  expect(none.announcements).toMatchObject({ ok: false, absent: true });
});

test("without Cilium's BGP nothing is asked", async () => {
  const { announcements, asked } = await collected({ version: "1.20.2", settings: {}, objects: {} });
  expect(asked).toEqual([]);
  expect(announcements).toMatchObject({ ok: false, absent: true });
});
