import { describe, expect, test } from "vitest";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { kube, server, useFakeServer } from "./fake-server-hooks.ts";
import { type KubeObject, kinds } from "./kube.ts";

useFakeServer();

describe("changes", () => {
  const pod = (name: string, phase: string): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", uid: name },
    status: { phase },
  });
  const path = "/api/v1/namespaces/shop/pods";
  const options = { what: "the pods", withinMs: 10_000, signal: AbortSignal.timeout(20_000) };
  const phases = (objects: readonly KubeObject[]): string[] =>
    objects.map((o) => `${o.metadata.name} ${o.status.phase}`);

  test("are watched from the listed version on, until the judge is done", async () => {
    server.objects.set(`${path}/a`, JSON.stringify(pod("a", "Pending")));
    const looks: string[][] = [];
    const done = kube.until(
      kinds.pod,
      { namespace: "shop" },
      (objects) => {
        looks.push(phases(objects));
        return objects.length === 0 ? ready("none is left") : notYet("some");
      },
      options,
    );
    await expect.poll(() => server.watchers(path)).toBe(1);
    expect(server.received.at(-1)?.query).toMatchObject({ watch: "true", resourceVersion: "77" });
    server.emit(path, "MODIFIED", pod("a", "Running"));
    server.emit(path, "BOOKMARK", { metadata: { resourceVersion: "80" } });
    server.emit(path, "DELETED", pod("a", "Running"));
    expect(await done).toBe("none is left");
    expect(looks).toEqual([["a Pending"], ["a Running"], []]);
    await expect.poll(() => server.watchers(path)).toBe(0);
  });

  test("are listed again when the watch's version is too old", async () => {
    const done = kube.until(
      kinds.pod,
      { namespace: "shop", name: "b" },
      ([found]) => (found === undefined ? notYet("none") : ready(found.status.phase)),
      options,
    );
    await expect.poll(() => server.watchers(path)).toBe(1);
    server.objects.set(`${path}/b`, JSON.stringify(pod("b", "Running")));
    server.emit(path, "ERROR", { kind: "Status", code: 410 });
    expect(await done).toBe("Running");
  });

  test("that do not appear give a timeout with the last observed state", async () => {
    const waiting = kube.until(kinds.pod, { namespace: "shop" }, () => notYet("no pod"), {
      ...options,
      withinMs: 300,
    });
    await expect(waiting).rejects.toMatchObject({
      code: "timeout",
      message: expect.stringMatching(/the pods in c1 \(\d+ looks\); last seen: no pod$/),
    });
  });

  test("that appear only after the deadline are late", async () => {
    const slow = () => {
      const endMs = performance.now() + 120;
      while (performance.now() < endMs);
      return ready("all");
    };
    const waiting = kube.until(kinds.pod, { namespace: "shop" }, slow, { ...options, withinMs: 100 });
    await expect(waiting).rejects.toMatchObject({ code: "late" });
  });

  test("are followed until the signal fires", async () => {
    const stop = new AbortController();
    const changes: string[][] = [];
    const following = kube.follow(
      kinds.pod,
      { namespace: "shop" },
      (o) => changes.push(phases(o)),
      stop.signal,
    );
    await expect.poll(() => server.watchers(path)).toBe(1);
    server.emit(path, "ADDED", pod("a", "Running"));
    await expect.poll(() => changes.length).toBe(2);
    stop.abort();
    await following;
    expect(changes).toEqual([[], ["a Running"]]);
  });
});
