import { describe, expect, test } from "vitest";
import type { ObjectCondition } from "#harness/model/api-objects.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { apiserverPod, causesOf, east, meshWith, ok } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const condition = (type: string, status: string, reason: string, message: string): ObjectCondition => ({
  ...{ type, status, reason, message },
});
const notReady = (message: string, reason = "KubeletNotReady", status = "False"): ObjectCondition =>
  condition("Ready", status, reason, message);

const stopped = notReady("container runtime is down");
const silent = notReady("Kubelet stopped posting node status.", "NodeStatusUnknown", "Unknown");

/** East with its node in some conditions. */
const inState = (conditions: readonly ObjectCondition[], over: Partial<ClusterSnapshot> = {}) =>
  meshWith({
    nodes: ok([
      {
        ...{ name: "node-1", address: "172.18.0.1", podCidr: "10.1.0.0/24" },
        ...{ ready: !conditions.some((c) => c.type === "Ready"), conditions: [...conditions] },
      },
    ]),
    ...over,
  });
const inside = (units: Readonly<Record<string, string>>): Partial<ClusterSnapshot> => ({
  nodeStates: [{ node: "node-1", rules: ok([]), stopped: [], units }],
});
const elsewhere: Partial<ClusterSnapshot> = {
  containers: { ok: false, why: "not collected", absent: true },
};
const firstOf = (...of: Parameters<typeof inState>) => causesOf(inState(...of))[0];

describe("a node that is not Ready", () => {
  test("its runtime is down: kubelet's own words, and the command that starts it first", () => {
    const found = firstOf([stopped]);
    expect(found).toMatchObject({
      id: "node-down",
      severity: "broken",
      message: "node node-1 is not Ready: KubeletNotReady: container runtime is down",
      next: expect.stringMatching(/^docker exec node-1 systemctl start containerd; /),
    });
    const commands = found === undefined ? [] : remedyCommands(found, ["east", "west"]);
    expect(commands.map((c) => c.text)).toEqual(["docker exec node-1 systemctl start containerd"]);
  });

  test.each([
    [[silent], {}, /^docker exec node-1 systemctl start kubelet; /],
    [[silent], inside({ containerd: "active", kubelet: "active" }), /^kubelet runs on it, and its reports/],
    [[silent], inside({ containerd: "inactive", kubelet: "active" }), / systemctl start containerd; /],
    [[stopped], inside({ containerd: "active", kubelet: "active" }), / systemctl restart containerd; /],
    [[notReady("PLEG is not healthy: pleg was last seen")], {}, / systemctl restart containerd; /],
    [[notReady("out of luck")], {}, /^kubectl describe node\/node-1; then read /],
    [[stopped], elsewhere, /^on node node-1, as root: systemctl start containerd \(crio, /],
    [[silent], elsewhere, /^on node node-1, as root: systemctl start kubelet; /],
    [[notReady("out of luck")], elsewhere, /^kubectl describe node\/node-1$/],
  ] as const)("%j, %j", (conditions, over, next) => {
    expect(firstOf(conditions, over)?.next).toMatch(next);
  });

  test("what follows from it comes later, and is not repaired by itself", () => {
    const sick = apiserverPod(1, { ready: false });
    const containers = sick.containers.map((c) => ({ ...c, ready: false }));
    const remotes = { ok: false as const, why: "exec failed" };
    const found = causesOf(
      inState([stopped], {
        pods: ok([{ ...sick, containers }]),
        agents: east.agents.map((a) => ({ ...a, remotes })),
      }),
    );
    expect(found.map((f) => f.id).slice(0, 3)).toEqual(["node-down", "container-not-ready", "agent-silent"]);
    for (const effect of found.slice(1, 3)) expect(effect.next).toMatch(/^restore node node-1 first: /);
  });

  test("one that waits for the network of its agent is named after what keeps the agent from it", () => {
    const waiting = notReady(
      "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
    );
    expect(causesOf(inState([waiting]))).toMatchObject([
      { id: "node-down", next: expect.stringContaining("delete pod -l k8s-app=cilium") },
    ]);
    const agent = apiserverPod(1, {
      ...{ name: "cilium-abcde", ready: false, labels: { "k8s-app": "cilium" } },
      containers: [{ name: "cilium-agent", ready: false, restarts: 4, trouble: "CrashLoopBackOff" }],
    });
    const found = causesOf(inState([waiting], { pods: ok([agent]) }));
    expect(found.map((f) => f.id).slice(0, 2)).toEqual(["container-not-ready", "node-down"]);
  });
});

describe("a node under pressure", () => {
  const full = condition("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure");

  test("suspect, and broken while a workload of Cilium is not complete", () => {
    expect(causesOf(inState([full]))).toMatchObject([
      {
        ...{ id: "node-pressure", severity: "suspect" },
        message: expect.stringContaining("DiskPressure (KubeletHasDiskPressure: kubelet has disk pressure)"),
        next: expect.stringMatching(/^free space on the disk/),
      },
    ]);
    const workloads = ok([
      {
        ...{ kind: "Deployment" as const, namespace: "kube-system", name: "clustermesh-apiserver" },
        ...{ desired: 1, ready: 0 },
      },
    ]);
    expect(firstOf([full], { workloads })).toMatchObject({ id: "node-pressure", severity: "broken" });
  });

  test("it is a part of the finding where the node is not Ready", () => {
    expect(causesOf(inState([stopped, full])).map((f) => f.message)).toEqual([
      expect.stringMatching(/is not Ready: .* is down; it has DiskPressure \(/),
    ]);
  });
});
