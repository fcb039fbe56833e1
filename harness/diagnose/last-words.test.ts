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
