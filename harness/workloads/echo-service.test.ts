import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { EchoBackends } from "./echo-service.ts";

/** A fake cluster that notes what is applied and what is waited for. */
function clusterNamed(name: string, pods: readonly unknown[] = []) {
  const applied: KubeObject[] = [];
  const awaited: string[] = [];
  const kube = {
    list: async () => pods,
    apply: async (object: KubeObject) => void applied.push(object),
    until: async (_kind: unknown, _where: unknown, _judge: unknown, { what }: { what: string }) =>
      void awaited.push(what),
  };
  return { cluster: { name, kube } as unknown as Cluster, applied, awaited };
}

const { signal } = new AbortController();
const within = { withinMs: 1000, signal };

test("backends change how they end in every cluster, once, and the old ones are waited for", async () => {
  const fakes = [clusterNamed("east"), clusterNamed("west")];
  const echo = await EchoBackends.deploy(
    fakes.map((f) => f.cluster),
    { namespace: "n", image: "agnhost", replicas: 2, ...within },
  );
  const graces = (): number[][] =>
    fakes.map(({ applied }) => applied.map((o) => o.spec.template.spec.terminationGracePeriodSeconds));
  await echo.become("exits", within);
  expect(graces()).toEqual([[2], [2]]);
  await echo.become("drains", within);
  await echo.become("drains", within);
  expect(graces()).toEqual([
    [2, 12],
    [2, 12],
  ]);
  expect(fakes[1]?.awaited).toEqual([
    "the echo backends of west",
    "the echo backends of west",
    "the old echo backends of west to end",
  ]);
});

test("the setting of backends is known before they are deployed", async () => {
  const { cluster } = clusterNamed("east");
  const options = { namespace: "n", image: "agnhost", replicas: 3, ...within };
  const echo = await EchoBackends.deploy([cluster], options);
  expect(echo.settingOf("killed")).toMatchObject({ application: "killed", replicas: 3, graceSeconds: 5 });
});

test("the backends of every cluster have the time of their last change of readiness", async () => {
  const changed = "2026-11-29T11:38:13Z";
  const pod = {
    metadata: { name: "a" },
    status: { conditions: [{ type: "PodScheduled" }, { type: "Ready", lastTransitionTime: changed }] },
  };
  const fakes = [clusterNamed("east", [pod]), clusterNamed("west", [{ metadata: { name: "c" } }])];
  const echo = await EchoBackends.deploy(
    fakes.map((f) => f.cluster),
    { namespace: "n", image: "agnhost", replicas: 1, ...within },
  );
  expect([...(await echo.readinessTimes())]).toEqual([
    ["a", changed],
    ["c", undefined],
  ]);
});
