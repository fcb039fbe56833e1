import { describe, expect, test } from "vitest";
import type { ObjectCondition } from "#harness/model/api-objects.ts";
import type { ClusterSnapshot, NamespaceState } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, service, west } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

// The evidence is of 10:00.
const longAgo = Date.parse("2026-11-21T09:50:00Z");
const justNow = Date.parse("2026-11-21T09:59:30Z");

const condition = (type: string, message: string): ObjectCondition => ({
  ...{ type, status: "True", reason: "R", message },
});
const undiscovered = condition(
  "NamespaceDeletionDiscoveryFailure",
  "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1",
);
const remaining = condition(
  "NamespaceContentRemaining",
  "Some resources are remaining: pods. has 1 resource instances, widgets.example.com has 2 resource instances",
);
const finalizers = condition(
  "NamespaceFinalizersRemaining",
  "Some content in the namespace has finalizers remaining: example.com/cleanup in 2 resource instances",
);

const ending = (deletedMs: number, ...conditions: readonly ObjectCondition[]): NamespaceState => ({
  ...{ name: "shop", annotations: {}, ending: true, deletedMs, conditions: [...conditions] },
});
/** Without what a cluster has in namespace shop. */
const emptied = ({ services, pods }: ClusterSnapshot): Partial<ClusterSnapshot> => ({
  services: ok(services.ok ? services.value.filter((s) => s.namespace !== "shop") : []),
  pods: ok(pods.ok ? pods.value.filter((p) => p.namespace !== "shop") : []),
  endpoints: ok([]),
});
/** With namespace shop of west in a state. */
const found = (namespace: NamespaceState, ofEast: Partial<ClusterSnapshot> = {}) =>
  causesOf(meshWith(ofEast, { ...emptied(west), namespaces: ok([namespace]) }));

describe("a namespace whose deletion does not end", () => {
  test("an API group without a server: before the service that lacks its counterpart, which cannot be made yet", () => {
    const [first, second, ...others] = found(ending(justNow, undiscovered));
    expect(first).toMatchObject({
      ...{ id: "namespace-terminating", severity: "broken", cluster: "west" },
      message: expect.stringMatching(
        /^namespace shop of west is being deleted since 2026-11-21T09:59:30.000Z and .*\(NamespaceDeletionDiscoveryFailure: Discovery failed .*\): nothing can be created in it; .* shop\/cart of east/,
      ),
    });
    expect(first && remedyCommands(first, ["east", "west"]).map((c) => c.text)).toEqual([
      "kubectl delete apiservice/v1beta1.metrics.k8s.io",
    ]);
    expect(second).toMatchObject({
      id: "service-without-counterpart",
      next: expect.stringContaining("apply the same Service there after the namespace is gone"),
    });
    expect(second && remedyCommands(second, ["east", "west"])).toEqual([]);
    expect(others).toEqual([]);
  });

  test("what remains in it, and the finalizers, once that lasts", () => {
    const [first] = found(ending(longAgo, remaining, finalizers));
    expect(first).toMatchObject({
      id: "namespace-terminating",
      next: expect.stringMatching(
        /^bring back the controller that removes the finalizer example.com\/cleanup; kubectl -n shop get pods,widgets.example.com; /,
      ),
    });
    const ids = found(ending(justNow, remaining, finalizers)).map((f) => f.id);
    expect(ids).not.toContain("namespace-terminating");
  });

  test("a webhook that keeps its content from being deleted", () => {
    const failed = condition(
      "NamespaceDeletionContentFailure",
      'Failed to delete all resource types, 1 remaining: Internal error occurred: failed calling webhook "a.b.c": failed to call webhook: Post "https://s.n.svc:443/": service "s" not found',
    );
    expect(found(ending(longAgo, failed))[0]?.next).toMatch(/^bring back the server of webhook a.b.c, /);
  });

  test("suspect where the mesh has nothing in it; nothing where it goes on as it should", () => {
    const none = emptied(east);
    const idsOf = (namespace: NamespaceState) =>
      found(namespace, none).map((f) => [f.id, f.severity] as const);
    expect(idsOf(ending(longAgo, undiscovered))).toContainEqual(["namespace-terminating", "suspect"]);
    expect(idsOf(ending(longAgo)).map(([id]) => id)).not.toContain("namespace-terminating");
    expect(idsOf({ name: "shop", annotations: {} }).map(([id]) => id)).not.toContain("namespace-terminating");
    const exported = { ...none, serviceExports: ok([{ namespace: "shop", name: "cart" }]) };
    expect(found(ending(longAgo, undiscovered), exported)[0]).toMatchObject({ severity: "broken" });
  });

  test("a service elsewhere gets its counterpart as before", () => {
    const other = service({ name: "db", namespace: "data" });
    const services = ok([...(east.services.ok ? east.services.value : []), other]);
    const without = found(ending(justNow, undiscovered), { services });
    expect(without.find((f) => f.message.startsWith("service data/db"))?.next).toMatch(
      /^apply the same Service \(/,
    );
  });
});
