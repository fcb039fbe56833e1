import { describe, expect, test } from "vitest";
import type { Capabilities } from "#harness/cluster/capabilities.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { decideCapabilities, decisionsOf, missingOf, type Requirement } from "./capabilities.ts";

type Settings = Readonly<Record<string, string>>;

/** A fake mesh of two clusters with everything that a check may read. */
function meshOf(settings: { east?: Settings; west?: Settings | Error } = {}, more: object = {}): Mesh {
  const clusters = (["east", "west"] as const).map((name) => ({
    name,
    ciliumVersion: name === "east" ? "1.19.4" : "1.20.1",
    capabilities: {
      allowsNodeControl: false,
      nodesAreLocal: true,
      assignsLoadBalancerIPs: name === "east",
      hasApiserver: true,
      hasKvstoreMesh: name === "west",
      routesNatively: name === "west",
      isDualStack: name === "east",
    } satisfies Capabilities,
    setting: async (key: string) => {
      const own = settings[name] ?? {};
      if (own instanceof Error) throw own;
      return own[key];
    },
    ...more,
  }));
  return {
    clusters,
    state: { plan: { clusters: clusters.map(({ name }) => ({ name })) } },
  } as unknown as Mesh;
}

const missing = async (mesh: Mesh, ...required: Requirement[]): Promise<string | undefined> => {
  const found = missingOf(required, await decideCapabilities(mesh, required));
  return found === undefined ? undefined : `${found.capability}: ${found.reason}`;
};

describe("a capability", () => {
  test("is required of every cluster, or of one by name", async () => {
    const mesh = meshOf();
    expect(await missing(mesh, "loadBalancer")).toBe(
      "loadBalancer: nothing in west assigns addresses to LoadBalancer services",
    );
    expect(await missing(mesh, { capability: "loadBalancer", cluster: "east" })).toBeUndefined();
    expect(await missing(mesh, { capability: "kvstoreMesh", cluster: "east" })).toContain("agents of east");
    expect(await missing(mesh, "nativeRouting")).toBe(
      "nativeRouting: east routes to other clusters through a tunnel",
    );
    expect(await missing(mesh, "dualStack")).toBe("dualStack: west has no IPv6 pod CIDR");
    expect(await missing(mesh, "localNodes", "clustermeshApiserver")).toBeUndefined();
  });

  test("may be a minimum version of Cilium, required of all clusters", async () => {
    expect(await missing(meshOf(), "cilium>=1.19")).toBeUndefined();
    expect(await missing(meshOf(), "cilium>=1.20")).toBe("cilium>=1.20: east has Cilium 1.19.4");
  });

  test("may depend on the agents' settings", async () => {
    const on = { "clustermesh-enable-mcs-api": "true", "clustermesh-cache-ttl": "20s" };
    expect(await missing(meshOf({ east: on, west: on }), "mcsApi", "cacheTtl")).toBeUndefined();
    expect(await missing(meshOf({ east: on }), "mcsApi")).toBe(
      "mcsApi: clustermesh-enable-mcs-api of west is not set",
    );
    expect(await missing(meshOf({ west: { "clustermesh-cache-ttl": "0s" } }), "cacheTtl")).toContain(
      "east is 0",
    );
  });

  test("of the whole mesh is reported once", async () => {
    const off = { "policy-default-local-cluster": "false" };
    expect(await missing(meshOf({ east: off }), "bothPolicyDefaults")).toBe(
      "bothPolicyDefaults: east and west have policyDefaultLocalCluster false",
    );
    const on = { "policy-default-local-cluster": "true" };
    expect(await missing(meshOf({ east: on, west: off }), "bothPolicyDefaults")).toBeUndefined();
  });

  test("that cannot be read is undecided, not missing", async () => {
    const mesh = meshOf({ west: new Error("no answer") });
    const decisions = await decideCapabilities(mesh, ["mcsApi"]);
    expect(decisions).toMatchObject([
      { cluster: "east", state: "missing" },
      { cluster: "west", state: "undecided", reason: "no answer" },
    ]);
    expect(decisionsOf([{ capability: "mcsApi", cluster: "west" }], decisions)).toHaveLength(1);
  });

  test("is decided once, even if required several times", async () => {
    const required: Requirement[] = [
      "localNodes",
      { capability: "localNodes", cluster: "east" },
      "localNodes",
    ];
    expect(await decideCapabilities(meshOf(), required)).toHaveLength(2);
  });
});
