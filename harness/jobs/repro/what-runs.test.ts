import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pins } from "#harness/config/pins.ts";
import {
  type Files,
  folderOf,
  object,
  pathsOf,
  releaseOf,
  service,
  valuesOf,
} from "./gitops/example-files.ts";
import { draftOf, firstLines, readFolder } from "./plan-examples.ts";
import { readSource } from "./read-source.ts";

const beta = { "beta.yaml": valuesOf("beta", 2) };

describe("the version that runs", () => {
  const release = (version: string, status?: object): Files => ({
    ...beta,
    "alpha.yaml": {
      ...releaseOf(valuesOf("alpha", 1), { chart: { spec: { chart: "cilium", version } } }),
      ...(status === undefined ? {} : { status }),
    },
  });
  test.each([
    ["history", { history: [{ chartVersion: "1.18.3" }, { chartVersion: "1.18.1" }] }],
    ["lastAppliedRevision", { lastAppliedRevision: "1.18.3" }],
  ])("is what Flux has installed (%s)", async (_, status) => {
    const [alpha] = await readFolder(release(">=1.18.0 <1.19.0", status));
    expect(alpha).toMatchObject({ cilium: "1.18.3", notes: [] });
  });

  test.each([">=1.18.0 <1.19.0", "1.18.*", "~1.18.2", "1.18.x"])(
    "of a range %s is told as a guess",
    async (range) => {
      const [alpha] = await readFolder(release(range));
      const newest = pins.minors["1.18"]?.cilium;
      expect(alpha?.cilium).toBe(newest);
      expect(alpha?.notes).toMatchObject([
        {
          field: "Cilium",
          inSource: `${range}, of which no file says the release that runs`,
          matters: "perhaps",
        },
      ]);
    },
  );

  test("of RKE2's chart is Cilium's, and images of another release than the chart are told", async () => {
    const alpha = async (version: string, values: object) =>
      (
        await readFolder({
          ...beta,
          "alpha.yaml": releaseOf(values, { chart: { spec: { chart: "cilium", version } } }),
        })
      )[0];
    expect(await alpha("1.18.600", valuesOf("alpha", 1))).toMatchObject({ cilium: "1.18.6", notes: [] });
    const images = { image: { tag: "v1.18.6" }, operator: { image: { tag: "v1.18.6-vendor.2" } } };
    expect(await alpha("1.18.600", valuesOf("alpha", 1, images))).toMatchObject({
      cilium: "1.18.6",
      notes: [],
    });
    expect(pathsOf(await alpha("1.18.700", valuesOf("alpha", 1, images)))).toEqual([
      expect.stringMatching(
        /^Cilium: image\.tag is v1\.18\.6 .*operator\.image\.tag is .*the chart is 1\.18\.7/,
      ),
    ]);
    const latest = { image: { override: "example.org/cilium:latest" } };
    expect(pathsOf(await alpha("1.18.6", valuesOf("alpha", 1, latest)))).toEqual([
      expect.stringMatching(/image\.override is example\.org\/cilium:latest .*does not say/),
    ]);
  });

  test("is told if it is more than one minor from another", async () => {
    const of = (name: string, id: number, tag: string): object => valuesOf(name, id, { image: { tag } });
    expect(
      await firstLines({ "a.yaml": of("alpha", 1, "v1.16.4"), "b.yaml": of("beta", 2, "v1.18.4") }),
    ).toContainEqual(
      "alpha, beta: Cilium versions: more than one minor release apart: alpha 1.16.4, beta 1.18.4 [perhaps]",
    );
    expect(
      await firstLines({ "a.yaml": of("alpha", 1, "v1.17.4"), "b.yaml": of("beta", 2, "v1.18.4") }),
    ).not.toContainEqual(expect.stringContaining("minor"));
  });
});

describe("values with which agents do not start", () => {
  test.each([
    [
      { autoDirectNodeRoutes: true },
      "autoDirectNodeRoutes: true: agents of Cilium 1.18.6 do not start with it",
    ],
    [{ routingMode: "disabled" }, "routingMode: disabled: agents of Cilium 1.18.6 do not start with it"],
    [{ tunnelProtocol: "VXLAN" }, "tunnelProtocol: VXLAN: agents of Cilium 1.18.6 do not start with it"],
  ])("%j are told, and the lab is without them", async (more, line) => {
    const files = { ...beta, "alpha.yaml": valuesOf("alpha", 1, more) };
    expect((await firstLines(files)).join("\n")).toContain(line);
    const [alpha] = (await draftOf(files)).clusters;
    for (const key of Object.keys(more)) expect(alpha?.values).not.toHaveProperty(key);
  });

  test("routes beside native routing are kept", async () => {
    const native = { routingMode: "native", autoDirectNodeRoutes: true, ipv4NativeRoutingCIDR: "10.0.0.0/8" };
    const [alpha] = (await draftOf({ ...beta, "alpha.yaml": valuesOf("alpha", 1, native) })).clusters;
    expect(alpha?.values).toMatchObject({ autoDirectNodeRoutes: true });
  });
});

describe("what one file says of two clusters", () => {
  test.each<[string, Files]>([
    [
      "releases",
      {
        "both.yaml": [releaseOf(valuesOf("alpha", 1)), releaseOf(valuesOf("alpha", 3)), valuesOf("beta", 2)],
      },
    ],
    ["values", { "both.yaml": [valuesOf("alpha", 1), valuesOf("beta", 2), valuesOf("alpha", 3)] }],
  ])("of one name is refused (%s)", async (_, files) => {
    await expect(readFolder(files)).rejects.toThrow("has cluster alpha with ids 1 and 3");
  });
});

test("keys with dots say which cluster it is; of the others, what runs counts", async () => {
  const [alpha] = await readFolder({
    ...beta,
    "alpha.yaml":
      "cluster.name: alpha\ncluster.id: 1\nipam.mode: kubernetes\nMTU.x: 5\nipam:\n  operator:\n    clusterPoolIPv4PodCIDRList: [10.7.0.0/16]\n",
  });
  expect(alpha).toMatchObject({ id: 1, podNetwork: { mode: "cluster-pool", all: ["10.7.0.0/16"] } });
  expect(alpha?.notes.map((n) => [n.field, n.inLab])).toEqual([
    ["keys with dots", "taken as if given with --set"],
    ["keys with dots", "left out, as the chart does"],
  ]);
});

test("a workload of another program that has a Deployment's shape gets a stand-in", async () => {
  const labels = { app: "web" };
  const rollout = object(
    "argoproj.io/v1alpha1",
    "Rollout",
    {
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: "web", ports: [{ containerPort: 80 }] }] },
        },
      },
    },
    "web",
  );
  const own = (o: object): object => ({ ...o, metadata: { name: "web", namespace: "shop" } });
  const files = { ...beta, "alpha.yaml": [valuesOf("alpha", 1), own(rollout), own(service("web"))] };
  const draft = await draftOf(files);
  expect(draft.clusters[0]?.manifests.map((m) => m.kind)).toEqual(["Namespace", "Deployment", "Service"]);
  const told = draft.differences.map((d) => `${d.field}: ${d.inSource}`).join("\n");
  expect(told).toContain("workload shop/web: Rollout of 2 pods on port 80");
  expect(told).not.toContain("no workload");
});

describe("what cannot be read is named for what it is", () => {
  test.each([
    [
      "Makefile",
      "install:\n\t@helm upgrade --install cilium cilium/cilium --set cluster.name=$(NAME)\n",
      "is a Makefile",
    ],
    ["main.tf.json", "{}", "is Terraform code"],
    [
      "ci.yaml",
      "jobs:\n  e2e:\n    steps:\n    - uses: x\n    - run: cilium install --set cluster.name=alpha\n",
      "holds commands that install Cilium at jobs.e2e.steps[1].run",
    ],
    [
      "secret.yaml",
      { cluster: { name: "ENC[AES256_GCM,data:x]" }, sops: { version: "3" } },
      "is encrypted by SOPS",
    ],
    [
      "generator.yaml",
      { ...object("builtin", "HelmChartInflationGenerator", {}), valuesInline: valuesOf("alpha", 1) },
      "holds values of Cilium's chart at valuesInline",
    ],
  ])("%s", async (name, content, message) => {
    const dir = folderOf({ [name]: content, ...beta });
    await expect(readSource([join(dir, name), join(dir, "beta.yaml")])).rejects.toThrow(message);
  });

  test.each([
    object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {
      spec: { postBuild: { substitute: { a: "b" } } },
    }),
    object("core.gardener.cloud/v1beta1", "Shoot", { spec: { networking: { type: "cilium" } } }),
  ])("an object that is of no cluster: %j", async (shoot) => {
    const dir = folderOf({ "a.yaml": shoot, "alpha.yaml": valuesOf("alpha", 1), ...beta });
    const clusters = await readSource(["a.yaml", "alpha.yaml", "beta.yaml"].map((f) => join(dir, f)));
    expect(clusters.flatMap(pathsOf).join("\n")).toContain("holds no values, only");
    await expect(readSource([join(dir, "a.yaml")])).rejects.toThrow("no file is of a mesh");
  });
});

test("a policy that selects from a cluster which is not in the source is told", async () => {
  const policy = object("cilium.io/v2", "CiliumNetworkPolicy", {
    spec: {
      endpointSelector: {},
      ingress: [
        { fromEndpoints: [{ matchLabels: { "k8s:io.cilium.k8s.policy.cluster": "bon", app: "x" } }] },
        {
          fromEndpoints: [
            { matchExpressions: [{ key: "io.cilium.k8s.policy.cluster", operator: "In", values: ["beta"] }] },
          ],
        },
      ],
    },
  });
  const own = { ...policy, metadata: { name: "p", namespace: "shop" } };
  expect(await firstLines({ ...beta, "alpha.yaml": [valuesOf("alpha", 1), own] })).toContainEqual(
    "alpha: CiliumNetworkPolicy shop/p: selects from cluster bon, which is not in the source (alpha, beta) [perhaps]",
  );
});
