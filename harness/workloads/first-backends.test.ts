import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { type BackendPods, FirstBackends } from "./first-backends.ts";

const pod = (uid: string, ...containers: string[]): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: `pod-${uid}`, uid },
  status: {
    containerStatuses: containers.map((containerID) =>
      containerID.startsWith("waiting")
        ? { state: { waiting: {} } }
        : { containerID, state: { running: {} } },
    ),
  },
});

/** Backends whose changes the test reports itself. */
function backends(running: readonly KubeObject[]) {
  let change: (pods: readonly KubeObject[]) => void = () => {};
  let until: AbortSignal | undefined;
  const pods: BackendPods = {
    kube: {
      list: async () => [...running],
      follow: async (_kind, _where, onChange, signal) => {
        change = onChange;
        until = signal;
      },
    },
    namespace: "n",
    labelSelector: "app=echo",
  };
  return { pods, change: (...now: KubeObject[]) => change(now), stopped: () => until?.aborted };
}

const { signal } = new AbortController();

test("backends that run are moved at once, and every container that starts later", async () => {
  const moved: string[][] = [];
  const fake = backends([pod("a", "a1")]);
  const move = async (uids: readonly string[]) => moved.push([...uids]) > 0;
  await using first = await FirstBackends.start([fake.pods], { signal, move });
  expect(moved).toEqual([["a"]]);
  expect(first.reached).toBe(true);
  // A new pod whose container does not run yet, one that runs, and one whose container started again.
  fake.change(pod("a", "a1"), pod("b", "waiting"));
  fake.change(pod("a", "a1"), pod("b", "b1", "waiting"));
  fake.change(pod("a", "a2"), pod("b", "b1", "b2"));
  expect(moved).toEqual([["a"], ["b"], ["a", "b"]]);
});

test("a pod that could not be moved is tried again at its next change", async () => {
  const moved: string[][] = [];
  const fake = backends([]);
  const move = async (uids: readonly string[]) => moved.push([...uids]) > 1;
  await using _first = await FirstBackends.start([fake.pods], { signal, move });
  fake.change(pod("a", "a1"));
  await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  fake.change(pod("a", "a1"));
  await new Promise((resolve) => setImmediate(resolve));
  fake.change(pod("a", "a1"));
  expect(moved).toEqual([["a"], ["a"]]);
});

test("without a backend, or where the machine refuses, real time is not reached", async () => {
  const move = async () => false;
  await using none = await FirstBackends.start([backends([]).pods], { signal, move: async () => true });
  await using refused = await FirstBackends.start([backends([pod("a", "a1")]).pods], { signal, move });
  expect([none.reached, refused.reached]).toEqual([false, false]);
});

test("disposed, it follows no more and waits for what it is moving", async () => {
  const fake = backends([pod("a", "a1")]);
  let done = false;
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const move = async (uids: readonly string[]) => {
    if (!uids.includes("b")) return true;
    await held;
    done = true;
    return true;
  };
  const first = await FirstBackends.start([fake.pods], { signal, move });
  fake.change(pod("b", "b1"));
  const disposed = first[Symbol.asyncDispose]();
  expect(fake.stopped()).toBe(true);
  release();
  await disposed;
  expect(done).toBe(true);
});
