import { expect, test } from "vitest";
import { notCollected, replicaFile } from "./evidence.ts";
import { refusedRequests } from "./refused-requests.ts";

const text = 'failed calling webhook "a.b.c": EOF';
const pod = "clustermesh-apiserver-5f-aaaaa";
const of = (
  file: string,
  content = `2026-11-28T16:00:00Z level=error msg=x error="${text.replaceAll('"', '\\"')}"`,
) => refusedRequests(new Map([[file, content]]));
const refused = { text, times: 1, atMs: Date.parse("2026-11-28T16:00:00Z") };

test.each([
  ["agent-east-worker-log.txt", { container: "cilium-agent", node: "east-worker" }],
  [
    "operator-cilium-operator-6d-abcde-log.txt",
    { container: "cilium-operator", pod: "cilium-operator-6d-abcde" },
  ],
  ["apiserver-log.txt", { container: "apiserver" }],
  ["kvstoremesh-log.txt", { container: "kvstoremesh" }],
  [replicaFile(pod, "apiserver-log.txt"), { container: "apiserver", pod }],
  [replicaFile(pod, "kvstoremesh-log.txt"), { container: "kvstoremesh", pod }],
])("%s", (file, owner) => {
  expect(of(file)).toEqual({ ok: true, value: [{ ...owner, ...refused }] });
});

test("a log that was not read, and files that are no logs, say nothing", () => {
  const nothing = { ok: true, value: [] };
  expect(of("apiserver-log.txt", `${notCollected}the container "apiserver" is waiting to start`)).toEqual(
    nothing,
  );
  expect(of("agent-east-worker-status.json")).toEqual(nothing);
  expect(refusedRequests(new Map())).toEqual(nothing);
});
