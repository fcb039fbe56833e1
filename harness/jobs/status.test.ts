import { expect, test } from "vitest";
import { kubectlOf } from "./status.ts";

test("a kubectl line is one to paste, whatever the kubeconfig and the context are called", () => {
  const line = kubectlOf({ kubeconfig: "/home/a user/.kube/config", context: "it's; prod" });
  expect(line).toBe(`kubectl --kubeconfig '/home/a user/.kube/config' --context 'it'\\''s; prod'`);
  expect(kubectlOf({ kubeconfig: "/a/b.kubeconfig", context: "kind-meshproof-x--east" })).toBe(
    "kubectl --kubeconfig /a/b.kubeconfig --context kind-meshproof-x--east",
  );
});
