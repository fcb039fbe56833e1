import { describe, expect, test } from "vitest";
import { readSource } from "../read-source.ts";
import { folderOf, object, releaseOf, valuesOf } from "./example-files.ts";

const release = releaseOf(valuesOf("alpha", 1));
const labelled = (labels: object): object => ({
  ...releaseOf(valuesOf("alpha", 1)),
  metadata: { name: "cilium", namespace: "kube-system", labels },
});
const selector = { apiVersion: "helm.toolkit.fluxcd.io/v2", kind: "HelmRelease", name: "cilium" };
const karmada = (resourceSelectors: unknown, overriders: object): object =>
  object(
    "policy.karmada.io/v1alpha1",
    "OverridePolicy",
    { spec: { resourceSelectors, overrideRules: [{ targetCluster: { clusterNames: ["c9"] }, overriders }] } },
    "each",
  );
const plaintext = { plaintext: [{ path: "/spec/values/cluster/id", operator: "replace", value: 9 }] };
const read = (...objects: object[]) =>
  readSource([folderOf({ "beta.yaml": valuesOf("beta", 2), "x/objects.yaml": objects })]);

describe("an object that changes a release of Cilium for each cluster is refused by file and name", () => {
  test.each([
    ["Karmada, by name", release, karmada([selector], plaintext)],
    ["Karmada, every object", release, karmada(undefined, plaintext)],
    [
      "Karmada, another version of the kind",
      release,
      karmada([{ ...selector, apiVersion: "helm.toolkit.fluxcd.io/v2beta1" }], plaintext),
    ],
    [
      "Karmada, by label",
      labelled({ layer: "net" }),
      karmada(
        [{ ...selector, name: undefined, labelSelector: { matchLabels: { layer: "net" } } }],
        plaintext,
      ),
    ],
    [
      "KubeAdmiral",
      labelled({ "kubeadmiral.io/override-policy-name": "each" }),
      object(
        "core.kubeadmiral.io/v1alpha1",
        "OverridePolicy",
        { spec: { overrideRules: [{ overriders: { jsonpatch: [{ path: "/spec/values/cluster/id" }] } }] } },
        "each",
      ),
    ],
    [
      "Azure's Fleet",
      release,
      object(
        "placement.kubernetes-fleet.io/v1beta1",
        "ResourceOverride",
        {
          spec: {
            resourceSelectors: [
              { group: "helm.toolkit.fluxcd.io", version: "v2", kind: "HelmRelease", name: "cilium" },
            ],
            policy: { overrideRules: [{ jsonPatchOverrides: [{ op: "replace", path: "/spec/values" }] }] },
          },
        },
        "each",
      ),
    ],
    [
      "KubeFed",
      object("v1", "ConfigMap", { data: { a: "b" } }, "other"),
      object(
        "types.kubefed.io/v1beta1",
        "FederatedHelmRelease",
        {
          spec: {
            template: { spec: { values: valuesOf("alpha", 1, { clustermesh: { useAPIServer: true } }) } },
            overrides: [{ clusterName: "c9", clusterOverrides: [{ path: "/spec/values/cluster/id" }] }],
          },
        },
        "each",
      ),
    ],
  ])("%s", async (_, ...objects) => {
    await expect(read(...objects)).rejects.toThrow(/x\/objects\.yaml: \w+ kube-system\/each changes /);
  });

  test("and the remedy names the clusters", async () => {
    await expect(read(release, karmada([selector], plaintext))).rejects.toMatchObject({
      code: "usage",
      remedy: expect.stringContaining("(c9)"),
    });
  });
});

test.each([
  ["images only", karmada([selector], { imageOverrider: [{ component: "Tag" }] })],
  ["another kind", karmada([{ apiVersion: "apps/v1", kind: "Deployment", name: "cilium" }], plaintext)],
  ["another name", karmada([{ ...selector, name: "web" }], plaintext)],
])("one of %s is not refused", async (_, policy) => {
  expect((await read(release, policy)).map((c) => c.name)).toEqual(["beta", "alpha"]);
});
