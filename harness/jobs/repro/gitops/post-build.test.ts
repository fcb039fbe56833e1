import { describe, expect, test } from "vitest";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { readSource } from "../read-source.ts";
import { type Files, folderOf, mapOf, object, pathsOf, releaseOf, service } from "./example-files.ts";

const read = (files: Files): Promise<SourceCluster[]> => readSource([folderOf(files)]);
const fluxOf = (name: string, postBuild: object, path = "./infra/cilium"): object =>
  object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", { spec: { path, postBuild } }, name);
const release = releaseOf({
  cluster: { name: "${cluster_name}", id: "${cluster_id}" },
  MTU: "${mtu:=1400}",
  podLabels: { a: "$${x}", b: "x-${cluster_name}" },
});

describe("variables of Flux's postBuild", () => {
  test("fill one folder for each cluster, with a number where the text is one", async () => {
    const clusters = await read({
      "infra/cilium/release.yaml": release,
      "infra/cilium/service.yaml": service("api"),
      "clusters/alpha/cilium.yaml": fluxOf("a", {
        substitute: { cluster_name: "alpha", cluster_id: "1", mtu: "1450" },
      }),
      "clusters/beta/cilium.yaml": fluxOf("b", { substitute: { cluster_name: "beta", cluster_id: "2" } }),
    });
    expect(clusters).toMatchObject([
      { name: "alpha", id: 1, values: { MTU: 1450, podLabels: { a: "${x}", b: "x-alpha" } } },
      { name: "beta", id: 2, values: { MTU: 1400, podLabels: { b: "x-beta" } } },
    ]);
    expect(clusters.map((c) => c.services.map((s) => s.metadata.name))).toEqual([["api"], ["api"]]);
    // `$${x}` stands for itself.
    expect(clusters.flatMap(pathsOf)).toEqual([]);
  });

  test("come from maps too, over which those in place take precedence; through a kustomization", async () => {
    const flux = (id: string) =>
      fluxOf("cilium", {
        substituteFrom: [{ kind: "ConfigMap", name: "vars" }],
        substitute: { cluster_id: id },
      });
    const clusters = await read({
      "infra/cilium/kustomization.yaml": { resources: ["../base"] },
      "infra/base/kustomization.yaml": { resources: ["release.yaml"] },
      "infra/base/release.yaml": release,
      "clusters/alpha/flux.yaml": flux("1"),
      "clusters/alpha/vars.yaml": mapOf("vars", { cluster_name: "alpha", cluster_id: "9" }),
      "clusters/beta/flux.yaml": flux("2"),
      "clusters/beta/config/vars.yaml": mapOf("vars", { cluster_name: "beta" }),
    });
    expect(clusters.map((c) => [c.name, c.id])).toEqual([
      ["alpha", 1],
      ["beta", 2],
    ]);
  });

  test("a map that is in no file is named, and what is not known stays a placeholder", async () => {
    const files = {
      "infra/cilium/release.yaml": releaseOf({ cluster: { name: "${name}", id: 1 }, MTU: "${mtu}" }),
      "alpha.yaml": fluxOf("a", {
        substitute: { name: "alpha" },
        substituteFrom: [{ kind: "Secret", name: "s" }],
      }),
      "beta.yaml": fluxOf("b", { substitute: { name: "beta" } }),
    };
    const clusters = await read(files);
    const told = clusters.flatMap(pathsOf).join("\n");
    expect(told).toContain("Secret s is in no file");
    expect(told).toContain("value MTU: ${mtu}: a placeholder");
  });
});

test("a Secret that SOPS has encrypted gives no variable, and is named", async () => {
  const secret = { ...object("v1", "Secret", { data: { name: "ENC[AES256_GCM,data:x]" } }, "s"), sops: {} };
  const clusters = await read({
    "infra/cilium/release.yaml": releaseOf({ cluster: { name: "${name:=alpha}", id: 1 } }),
    "clusters/alpha/a.yaml": [fluxOf("a", { substituteFrom: [{ kind: "Secret", name: "s" }] }), secret],
    "beta.yaml": releaseOf({ cluster: { name: "beta", id: 2 } }),
  });
  expect(clusters.map((c) => c.name).sort()).toEqual(["alpha", "beta"]);
  expect(clusters.flatMap(pathsOf).join("\n")).toContain("Secret s is encrypted");
});
