import { expect, test } from "vitest";
import { kubectlOf } from "./lab-lines.ts";

test("a kubectl line can be pasted, whatever the names of the kubeconfig and the context", () => {
  const line = kubectlOf({ kubeconfig: "/home/a user/.kube/config", context: "it's; prod" });
  expect(line).toBe(`kubectl --kubeconfig '/home/a user/.kube/config' --context 'it'\\''s; prod'`);
  expect(kubectlOf({ kubeconfig: "/a/b.kubeconfig", context: "kind-meshproof-x--east" })).toBe(
    "kubectl --kubeconfig /a/b.kubeconfig --context kind-meshproof-x--east",
  );
});
