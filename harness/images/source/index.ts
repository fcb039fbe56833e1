import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readCiliumSpec } from "#harness/config/cilium-spec.ts";
import { found } from "#harness/lib/found.ts";
import type { StepHandle } from "#harness/lib/progress.ts";
import type { Artifacts, ClusterArtifacts, Provenance, Tools } from "#harness/model/artifacts.ts";
import { corednsLabel, imageId, saveImages } from "#harness/platform/docker.ts";
import { buildFile, downloadModule } from "#harness/platform/go.ts";
import { contentKey } from "#harness/platform/paths.ts";
import { Parts, type PartTime } from "../parts.ts";
import { Store } from "../store.ts";
import type { ArtifactRequest } from "../types.ts";
import { chartIn, chartVersions, ciliumCli } from "./cilium-cli.ts";
import { buildCiliumImages, preloadedValues } from "./cilium-images.ts";
import * as components from "./components.ts";
import { agentRoot, type BuiltRoot, buildRoot, type DebianRoot, nodeRoot, proberRoot } from "./debian.ts";
import { type BuiltComponent, buildComponent } from "./go-build.ts";
import { buildImage, makeStaging } from "./image.ts";
import { buildBareNode, preload } from "./node-image.ts";
import {
  type CiliumPrograms,
  type KubernetesPrograms,
  type NodeImage,
  nodeImageOf,
  type Programs,
  recipeVersion,
} from "./node-image-names.ts";
import { proberEntries } from "./prober-image.ts";

export interface SourceBuild extends Artifacts {
  readonly times: readonly PartTime[];
  /** Images by cluster for a push to a registry: the bare node first, then the images that it must pull. */
  readonly pushable: ReadonlyMap<string, { readonly bareNode: string; readonly images: readonly string[] }>;
}

/**
 * Builds everything from Go modules and Debian packages. One `go build` runs at a time, because each uses all cores
 * and they share a cache; the Debian roots are built meanwhile. A second version of Cilium rebuilds only Cilium.
 */
export async function fromSource(request: ArtifactRequest, reason: string): Promise<SourceBuild> {
  const builder = new SourceBuilder(request);
  return builder.run(reason);
}

/** kind and helm alone: every image source needs them. */
export async function buildTools(
  request: ArtifactRequest,
): Promise<{ tools: Tools; provenance: Provenance[] }> {
  const builder = new SourceBuilder(request);
  return builder.tools();
}

/** The trial registry's program. */
export async function buildRegistry(request: ArtifactRequest): Promise<string> {
  const builder = new SourceBuilder(request);
  return builder.registry();
}

/** The Cilium CLI with the charts of the supported versions and of the requested clusters' versions. */
export async function buildCiliumCli(
  request: ArtifactRequest,
  helm: string,
): Promise<{ program: string; provenance: Provenance[] }> {
  return new SourceBuilder(request).ciliumCli(helm);
}

/** Builds only the prober's image, on the given root. */
export async function buildProber(rootTar: string, rootKey: string, signal: AbortSignal): Promise<string> {
  const prober = await proberEntries();
  const reference = `meshproof.local/prober:${contentKey(recipeVersion, prober.key, rootKey)}`;
  await buildImage(
    {
      reference,
      key: prober.key,
      rootTar,
      entries: prober.entries,
      config: {
        entrypoint: ["/usr/local/bin/node", "/prober/main.mjs"],
        cmd: ["idle"],
        env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
      },
    },
    signal,
  );
  return reference;
}

interface SingleProgram {
  readonly reference: string;
  readonly key: string;
  readonly from: string;
  readonly to: string;
  /** Without it the image has no entrypoint. */
  readonly entrypoint?: string[];
}

class SourceBuilder {
  readonly #request: ArtifactRequest;
  readonly #store = new Store();
  readonly #parts: Parts;
  /** Serialises the compiles. */
  #compiling: Promise<unknown> = Promise.resolve();
  readonly #built = new Map<string, Promise<BuiltComponent>>();
  readonly #provenance: Provenance[] = [];

  constructor(request: ArtifactRequest) {
    this.#request = request;
    this.#parts = new Parts(this.#store, request.progress, components.firstEstimateMs);
  }

  async tools(): Promise<{ tools: Tools; provenance: Provenance[] }> {
    const kind = await this.#compile(components.kindTool);
    const helm = await this.#compile(components.helmTool);
    return {
      tools: { kind: join(kind.binDir, "kind"), helm: join(helm.binDir, "helm") },
      provenance: this.#provenance,
    };
  }

  async registry(): Promise<string> {
    return join((await this.#compile(components.registryTool)).binDir, "registry");
  }

  async ciliumCli(helm: string): Promise<{ program: string; provenance: Provenance[] }> {
    const { clusters, signal } = this.#request;
    const versions = chartVersions([...clusters.values()].map((v) => v.cilium));
    const chartDir = async (version: string): Promise<string> =>
      chartIn((await downloadModule(components.ciliumModule, `v${version}`, signal)).dir);
    const built = await this.#compile(ciliumCli({ helm, versions, chartDir, signal }));
    return { program: join(built.binDir, "cilium"), provenance: this.#provenance };
  }

  async run(reason: string): Promise<SourceBuild> {
    const { signal } = this.#request;
    const roots = this.#roots();
    // Handled here too, so that a failed compile is no unhandled rejection.
    roots.catch(() => {});
    const programs = await this.#programs();
    const { tools } = await this.tools();
    const built = await roots;
    const proberImage = await this.#parts.run("prober image", () =>
      buildProber(built.prober.tar, built.prober.key, signal),
    );
    const clusters: Record<string, ClusterArtifacts> = {};
    const pushable = new Map<string, { bareNode: string; images: string[] }>();
    let agnhostImage = "";
    for (const [name, versions] of this.#request.clusters) {
      const image = nodeImageOf(versions, { programs, roots: built, proberImage });
      await this.#store.markImages([image.full, image.bare, ...image.preloaded, ...ciliumTags(image.tag)]);
      const isBuilt = (await imageId(image.full)) !== undefined;
      await this.#parts.run(
        `node image of Kubernetes ${versions.kubernetes}, Cilium ${image.cilium.version}`,
        async (step) => {
          if (!isBuilt) await this.#nodeImage(image, step);
        },
        isBuilt,
      );
      const ciliumImages = ciliumTags(image.tag);
      pushable.set(name, { bareNode: image.bare, images: [...image.preloaded, ...ciliumImages] });
      clusters[name] = {
        versions,
        ciliumVersion: image.cilium.version,
        nodeImage: image.full,
        nodeImageId: found(await imageId(image.full), `image ${image.full}`),
        chartDir: chartIn(image.cilium.parts[0].sourceDir),
        imageValues: preloadedValues(image.tag),
        ciliumImages,
        importArchives: [],
      };
      agnhostImage = image.agnhostImage;
    }
    return {
      source: "source",
      reason,
      tools,
      clusters,
      agnhostImage,
      nginxImage: proberImage,
      proberImage,
      provenance: this.#provenance,
      times: this.#parts.times,
      pushable,
    };
  }

  /** Compiles every program of every version that the clusters need, one after the other. */
  async #programs(): Promise<Programs> {
    const expected = [...this.#request.clusters.values()];
    const kind = await this.#compile(components.kindTool);
    const kubes = new Map<string, BuiltComponent>();
    for (const { kubernetes: version } of expected)
      kubes.set(version, await this.#compile(components.kubernetes(version)));
    const containerd = await this.#compile(components.containerd);
    const cni = await this.#compile(components.cniPlugins);
    const ciliums = new Map<string, CiliumPrograms>();
    const ciliumVersions = new Set(expected.map((v) => v.cilium));
    for (const spec of ciliumVersions) {
      const { version, checkout } = readCiliumSpec(spec);
      const [agent, operator] = components.cilium(version, checkout);
      ciliums.set(spec, { parts: [await this.#compile(agent), await this.#compile(operator)], version });
    }
    const kubernetes = new Map<string, KubernetesPrograms>();
    for (const [version, kube] of kubes) {
      const companions = await components.companionsOf(kube.sourceDir);
      const etcd = await this.#compile(components.etcd(companions.etcd));
      const coredns = await this.#compile(components.coredns(companions.coredns));
      kubernetes.set(version, { version, kube, companions, etcd, coredns });
    }
    return { kind, containerd, cni, kubernetes, ciliums };
  }

  /** Builds a node's image: the bare image if it is missing, then all images that its pods run, preloaded into it. */
  async #nodeImage(image: NodeImage, step: StepHandle): Promise<void> {
    const { signal } = this.#request;
    const { kube, etcd } = image.kubernetes;
    const staging = await makeStaging();
    try {
      if ((await imageId(image.bare)) === undefined) await this.#bareNode(image, staging, step);
      step.detail("agnhost");
      await this.#single({
        reference: image.agnhostImage,
        key: kube.key,
        from: join(kube.binDir, "agnhost"),
        to: "/agnhost",
        entrypoint: ["/agnhost"],
      });
      step.detail("Cilium's images");
      const [cilium, operator] = image.cilium.parts;
      const ciliumImages = await buildCiliumImages(
        { cilium, operator, etcd, agentRootTar: image.roots.agent.tar, key: image.ciliumKey },
        image.tag,
        signal,
      );
      const archive = join(staging, "cilium.tar");
      await saveImages([...ciliumImages, ...image.preloaded], archive, signal);
      step.detail("preloading");
      await preload([archive], { base: image.bare, reference: image.full, labels: {}, signal });
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  async #bareNode(image: NodeImage, staging: string, step: StepHandle): Promise<void> {
    const { signal } = this.#request;
    const { programs, roots, kubernetes } = image;
    step.detail("base files, Kubernetes, containerd");
    const files = `${image.bare}-files`;
    await buildBareNode(
      {
        kubernetes: kubernetes.kube,
        containerd: programs.containerd,
        cni: programs.cni,
        kind: programs.kind,
        rootTar: roots.node.tar,
        kubernetesVersion: kubernetes.version,
        pauseImage: `registry.k8s.io/pause:${kubernetes.companions.pause}`,
      },
      files,
      signal,
    );
    step.detail("control plane images");
    const control = await this.#controlPlaneImages(kubernetes, image.bareKey, staging);
    const archive = join(staging, "control.tar");
    await saveImages(control, archive, signal);
    const labels = { [corednsLabel]: kubernetes.companions.coredns };
    await preload([archive], { base: files, reference: image.bare, labels, signal });
  }

  /** Queues a compile; the same component twice is one build. */
  #compile(component: components.GoComponent): Promise<BuiltComponent> {
    const id = `${component.name}@${component.version}${component.checkout ?? ""}`;
    const known = this.#built.get(id);
    if (known !== undefined) return known;
    const next = this.#compiling.then(async () => {
      const label = component.checkout === undefined ? component.version : "local checkout";
      const built = await this.#parts.run(component.name, async (step) => {
        step.detail(label);
        return buildComponent(component, this.#store, step, this.#request.signal);
      });
      this.#provenance.push(built.provenance);
      return built;
    });
    this.#compiling = next.catch(() => {});
    this.#built.set(id, next);
    return next;
  }

  async #roots(): Promise<{ node: BuiltRoot; agent: BuiltRoot; prober: BuiltRoot }> {
    const one = async (root: DebianRoot): Promise<BuiltRoot> => {
      const built = await this.#parts.run(`Debian root ${root.name}`, () =>
        buildRoot(root, this.#store, this.#request.signal),
      );
      this.#provenance.push(built.provenance);
      return built;
    };
    return { node: await one(nodeRoot), agent: await one(agentRoot), prober: await one(proberRoot) };
  }

  /** An image of one static program. */
  async #single({ reference, key, from, to, entrypoint = [] }: SingleProgram): Promise<string> {
    await buildImage(
      {
        reference,
        key,
        entries: [
          { from, to, mode: 0o755 },
          { folder: true, to: "/tmp", mode: 0o1777 },
        ],
        config: { entrypoint, env: { PATH: "/usr/local/bin:/usr/bin:/bin:/" } },
      },
      this.#request.signal,
    );
    return reference;
  }

  async #controlPlaneImages(
    { version, kube, companions, etcd, coredns }: KubernetesPrograms,
    key: string,
    staging: string,
  ): Promise<string[]> {
    const pause = join(staging, "pause");
    await buildFile(join(import.meta.dirname, "programs/pause.go"), pause, this.#request.signal);
    const images: SingleProgram[] = [
      ...["kube-apiserver", "kube-controller-manager", "kube-scheduler"].map((name) => ({
        reference: `registry.k8s.io/${name}:v${version}`,
        key,
        from: join(kube.binDir, name),
        to: `/usr/local/bin/${name}`,
      })),
      {
        reference: `registry.k8s.io/etcd:${companions.etcdImageTag}`,
        key,
        from: join(etcd.binDir, "server"),
        to: "/usr/local/bin/etcd",
      },
      {
        reference: `registry.k8s.io/coredns/coredns:${companions.coredns}`,
        key,
        from: join(coredns.binDir, "coredns"),
        to: "/coredns",
        entrypoint: ["/coredns"],
      },
      {
        reference: `registry.k8s.io/pause:${companions.pause}`,
        key,
        from: pause,
        to: "/pause",
        entrypoint: ["/pause"],
      },
    ];
    const references: string[] = [];
    for (const image of images) references.push(await this.#single(image));
    return references;
  }
}

function ciliumTags(tag: string): string[] {
  return ["cilium", "operator-generic", "clustermesh-apiserver"].map(
    (name) => `quay.io/cilium/${name}:${tag}`,
  );
}
