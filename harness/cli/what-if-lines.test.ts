import { expect, test } from "vitest";
import { describeWhatIf, whatIfExitCode } from "./what-if-lines.ts";

test("a policy that has no effect is named with the reason, and is no change", () => {
  const report = {
    key: "policyDefaultLocalCluster",
    value: true,
    clusters: [
      {
        cluster: "east",
        now: false,
        source: "cilium-config",
        after: true,
        changes: [],
        withoutEffect: ["CiliumNetworkPolicy shop/p: Cilium refuses it: it has a nodeSelector"],
      },
    ],
    unread: [],
  } as const;
  expect(describeWhatIf(report)).toEqual([
    "east: policyDefaultLocalCluster is false now (cilium-config) and would be true: no policy changes its meaning",
    "- no effect with either value: CiliumNetworkPolicy shop/p: Cilium refuses it: it has a nodeSelector",
  ]);
  expect(whatIfExitCode(report)).toBe(0);
});
