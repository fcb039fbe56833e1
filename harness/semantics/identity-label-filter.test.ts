import { expect, test } from "vitest";
import { labelFilter } from "./identity-label-filter.ts";

const kept = (labels: string, ...keys: string[]): string[] =>
  keys.filter(labelFilter({ settings: { labels } }) ?? (() => false));

test("by default every label is kept but those that Kubernetes makes anew for each pod", () => {
  const made = ["pod-template-hash", "statefulset.kubernetes.io/pod-name", "kubernetes.io/hostname"];
  const own = [
    "app",
    "app.kubernetes.io/name",
    "batch.kubernetes.io/job-name",
    "team.example/pod-template-hash",
  ];
  expect(kept("", ...made, ...own)).toEqual(own);
});

test("an inclusive pattern leaves out all others, beside those that always stay", () => {
  const always = ["app.kubernetes.io/name", "io.kubernetes.pod.namespace", "io.cilium.k8s.policy.cluster"];
  const keys = ["app", "tier", "tier-2", "k8s-app", "my-tier", ...always];
  expect(kept("k8s:tier k8s:k8s-app", ...keys)).toEqual(["tier", "tier-2", "k8s-app", ...always]);
  expect(kept("tier$", "tier", "tier-2")).toEqual(["tier"]);
  expect(kept(".*tier", "my-tier")).toEqual(["my-tier"]);
  // Labels of pods have the source `k8s`.
  expect(kept("container:app", "app")).toEqual([]);
});

test("an exclusive pattern leaves out its own, unless an inclusive one matches more", () => {
  expect(kept("k8s:!job-name !team", "job-name", "team", "app")).toEqual(["app"]);
  expect(kept("!team team\\.example", "team", "team.example/a", "app")).toEqual(["team.example/a"]);
});

test("what cannot be read is not known", () => {
  const of = (settings: Record<string, string>) => labelFilter({ settings });
  for (const labels of ["k8s:", "k8s:(app", "k8s:[[:alpha:]]+", "(a+)+b"])
    expect(of({ labels })).toBeUndefined();
  expect(of({ "label-prefix-file": "/etc/labels.json" })).toBeUndefined();
});
