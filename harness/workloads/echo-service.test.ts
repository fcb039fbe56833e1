import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { KubeObject } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Look } from "#harness/lib/eventually.ts";
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

/** A cluster whose backends have these states, one look after the other; the last one stays. `true`: ready. */
function clusterWithLooks(name: string, looks: readonly (readonly boolean[])[]) {
  let taken = 0;
  const podsNow = (): unknown[] => {
    const now = looks[Math.min(taken, looks.length - 1)] ?? [];
    taken += 1;
    return now.map((isReady, i) => ({
      metadata: { name: `echo-${name}-${i}` },
      status: { conditions: [{ type: "Ready", status: isReady ? "True" : "False" }] },
    }));
  };
  const kube = {
    list: async () => podsNow(),
    apply: async () => undefined,
    until: async (
      { plural }: { plural: string },
      _where: unknown,
      judge: (pods: readonly unknown[]) => Look<unknown>,
      { what }: { what: string },
    ) => {
      if (plural !== "pods") return undefined;
      for (const _ of looks) {
        const look = judge(podsNow());
        if (look.done) return look.value;
      }
      throw new MeshproofError("timeout", `waited for ${what}`);
    },
  };
  return { name, kube } as unknown as Cluster;
}

const withTwo = async (...clusters: Cluster[]): Promise<EchoBackends> =>
  EchoBackends.deploy(clusters, { namespace: "n", image: "agnhost", replicas: 2, ...within });

test("a look names a deployment that is not all ready, with a code and a remedy", async () => {
  const east = clusterWithLooks("east", [[true, true]]);
  const west = clusterWithLooks("west", [
    [false, true],
    [true, true],
  ]);
  const echo = await withTwo(east, west);
  await expect(echo.allPods([east, west])).rejects.toMatchObject({
    code: "mesh-not-ready",
    message: "cluster west has 1 of 2 ready backends of n/echo-west",
    remedy: expect.stringContaining("echo-west"),
  });
  expect(await echo.allPods([east, west])).toEqual([
    "echo-east-0",
    "echo-east-1",
    "echo-west-0",
    "echo-west-1",
  ]);
});

test("a backend that is unready for a moment is waited for", async () => {
  const west = clusterWithLooks("west", [
    [true, false],
    [false, false],
    [true, true],
  ]);
  const echo = await withTwo(west);
  expect(await echo.allPods([west], within)).toEqual(["echo-west-0", "echo-west-1"]);
});

test("a backend that stays unready is a timeout that names the deployment", async () => {
  const west = clusterWithLooks("west", [[true, false]]);
  const echo = await withTwo(west);
  await expect(echo.allPods([west], within)).rejects.toMatchObject({
    code: "timeout",
    message: expect.stringContaining("n/echo-west"),
  });
});
