import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { causesOf, meshWith, ok, pod, west, withSettings } from "./healthy-mesh.ts";

const text =
  "failed to start: daemon creation failed: unable to determine direct routing device. Use --direct-routing-device to specify it";
const others = west.pods.ok ? west.pods.value : [];
const crashing = (said: string | undefined): Partial<ClusterSnapshot> => ({
  config: withSettings(west, { devices: "ens+" }).config,
  pods: ok([
    ...others,
    pod({
      ...{ namespace: "kube-system", name: "cilium-nx6lw", node: "node-2", ready: false, hostNetwork: true },
      labels: { "k8s-app": "cilium" },
      containers: [
        {
          ...{ name: "cilium-agent", ready: false, restarts: 6, trouble: "CrashLoopBackOff" },
          ended: { reason: "Error", code: 1 },
        },
      ],
    }),
  ]),
  ...(said === undefined
    ? {}
    : {
        crashes: ok([
          { pod: "cilium-nx6lw", logged: [{ kind: "fatal" as const, name: "", text: said, times: 2 }] },
        ]),
      }),
});
const found = (said: string | undefined) =>
  causesOf(meshWith({}, crashing(said)))
    .filter((f) => f.id === "container-not-ready")
    .map((f) => [f.message, f.next]);

test("an agent that crashes is quoted, and the settings that it names are shown", () => {
  expect(found(text)).toEqual([
    [
      expect.stringMatching(
        /it last ended with Error, exit code 1: failed to start: .*direct routing device/,
      ),
      expect.stringMatching(
        /^correct what it says in the Helm values \(cilium-config has devices ens\+, direct-routing-device not set\); then kubectl /,
      ),
    ],
  ]);
});

test("without its last words, or settings in them, its log is shown", () => {
  const log = "kubectl -n kube-system logs pod/cilium-nx6lw -c cilium-agent --previous";
  expect(found(undefined)).toEqual([[expect.stringMatching(/exit code 1$/), log]]);
  expect(found("failed to start: no space left on device")).toEqual([
    [expect.stringMatching(/no space left on device$/), log],
  ]);
});

test("a panic is a defect of Cilium, of an operator too; what it was in is switched off", () => {
  const name = "cilium-operator-78c484dd8d-mlf8n";
  const ended = (said: string) =>
    causesOf(
      meshWith(
        {},
        {
          pods: ok([
            ...others,
            pod({
              ...{ namespace: "kube-system", name, node: "node-2", ready: false, hostNetwork: true },
              labels: { "io.cilium/app": "operator" },
              containers: [
                {
                  ...{ name: "cilium-operator", ready: false, restarts: 9, trouble: "CrashLoopBackOff" },
                  ended: { reason: "Error", code: 2 },
                },
              ],
            }),
          ]),
          crashes: ok([{ pod: name, logged: [{ kind: "fatal" as const, name: "", text: said, times: 1 }] }]),
        },
      ),
    ).find((f) => f.id === "container-not-ready");
  const slices = "panic: nil pointer (in pkg/clustermesh/endpointslicesync)";
  expect(ended(slices)).toMatchObject({
    message: expect.stringMatching(/exit code 2: panic: nil pointer \(in pkg\/clustermesh\//),
    next: expect.stringMatching(
      /^a panic is a defect of Cilium 1\.19\.4: .*; until then, do without: helm .*enableEndpointSliceSynchronization=false; its trace, .*: kubectl .* --previous$/,
    ),
  });
  expect(ended("panic: close of closed channel")?.next).not.toContain("helm");
});
