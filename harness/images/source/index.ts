import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readCiliumSpec } from "#harness/config/cilium-spec.ts";
import type { Artifacts, ClusterArtifacts, Provenance, Tools } from "#harness/model/artifacts.ts";
import { corednsLabel, imageId, saveImages } from "#harness/platform/docker.ts";
import { buildFile } from "#harness/platform/go.ts";
import { contentKey } from "#harness/platform/paths.ts";
import { Parts, type PartTime } from "../parts.ts";
import { Store } from "../store.ts";
import type { ArtifactRequest } from "../types.ts";
import { buildCiliumImages, ciliumRecipe, preloadedValues } from "./cilium-images.ts";
import * as components from "./components.ts";
import { agentRoot, type BuiltRoot, buildRoot, type DebianRoot, nodeRoot, proberRoot } from "./debian.ts";
import { type BuiltComponent, buildComponent } from "./go-build.ts";
import { buildImage, makeStaging } from "./image.ts";
import { buildBareNode, preload } from "./node-image.ts";
import { proberEntries } from "./prober-image.ts";

/** Part of every image key: raise it when the way images are put together changes. */
const recipeVersion = "1";

export interface SourceBuild extends Artifacts {
  readonly times: readonly PartTime[];
  /** Images by cluster as they can be pushed to a registry: the bare node first, then what it must pull. */
  readonly pushable: ReadonlyMap<string, { readonly bareNode: string; readonly images: readonly string[] }>;
}

/**
 * Everything from Go modules and Debian packages. One `go build` at a time (each uses all cores and they share a
 * cache), the Debian roots beside it; a second version of Cilium rebuilds Cilium alone.
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

/** The prober's image alone, over the given root. */
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

class SourceBuilder {
  readonly #request: ArtifactRequest;
  readonly #store = new Store();
  readonly #parts: Parts;
  /** The one compile queue. */
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

  async run(reason: string): Promise<SourceBuild> {
    const { signal } = this.#request;
    const roots = this.#roots();
    // A failed compile must not leave this one unheard.
    roots.catch(() => {});
    const kubernetesVersions = [...new Set([...this.#request.clusters.values()].map((v) => v.kubernetes))];
    const ciliumVersions = [...new Set([...this.#request.clusters.values()].map((v) => v.cilium))];

    const kind = await this.#compile(components.kindTool);
    const kubes = new Map<string, BuiltComponent>();
    for (const version of kubernetesVersions)
      kubes.set(version, await this.#compile(components.kubernetes(version)));
    const containerd = await this.#compile(components.containerd);
    const cni = await this.#compile(components.cniPlugins);
    const ciliums = new Map<string, { parts: readonly [BuiltComponent, BuiltComponent]; version: string }>();
    for (const spec of ciliumVersions) {
      const { version, checkout } = readCiliumSpec(spec);
      const [agent, operator] = components.cilium(version, checkout);
      ciliums.set(spec, { parts: [await this.#compile(agent), await this.#compile(operator)], version });
    }
    const etcds = new Map<string, BuiltComponent>();
    const dns = new Map<string, BuiltComponent>();
    for (const [version, kube] of kubes) {
      const companions = await components.companionsOf(kube.sourceDir);
      etcds.set(version, await this.#compile(components.etcd(companions.etcd)));
      dns.set(version, await this.#compile(components.coredns(companions.coredns)));
    }
    const { tools } = await this.tools();
    const { node, agent, prober } = await roots;

    const proberImage = await this.#parts.run("prober image", () =>
      buildProber(prober.tar, prober.key, signal),
    );
    const clusters: Record<string, ClusterArtifacts> = {};
    const pushable = new Map<string, { bareNode: string; images: string[] }>();
    let agnhostImage = "";
    for (const [name, versions] of this.#request.clusters) {
      const kube = kubes.get(versions.kubernetes)!;
      const companions = await components.companionsOf(kube.sourceDir);
      const cilium = ciliums.get(versions.cilium)!;
      const etcd = etcds.get(versions.kubernetes)!;
      const coredns = dns.get(versions.kubernetes)!;
      const bareKey = contentKey(
        recipeVersion,
        kube.key,
        containerd.key,
        cni.key,
        kind.key,
        etcd.key,
        coredns.key,
        node.key,
      );
      const bare = `meshproof/node-bare:v${versions.kubernetes}-${bareKey}`;
      const ciliumKey = contentKey(ciliumRecipe, ...cilium.parts.map((p) => p.key), etcd.key, agent.key);
      const tag = `v${cilium.version}`;
      const full = `meshproof/node:v${versions.kubernetes}-cilium-${cilium.version}-${contentKey(bareKey, ciliumKey, proberImage)}`;
      agnhostImage = `registry.k8s.io/e2e-test-images/agnhost:${companions.agnhostTag}`;
      const images = [agnhostImage, proberImage];
      const standing = (await imageId(full)) !== undefined;
      await this.#parts.run(
        `node image of Kubernetes ${versions.kubernetes}, Cilium ${cilium.version}`,
        async (step) => {
          if (standing) return;
          const staging = await makeStaging();
          try {
            const pauseImage = `registry.k8s.io/pause:${companions.pause}`;
            if ((await imageId(bare)) === undefined) {
              step.detail("base files, Kubernetes, containerd");
              const files = `${bare}-files`;
              await buildBareNode(
                {
                  kubernetes: kube,
                  containerd,
                  cni,
                  kind,
                  rootTar: node.tar,
                  kubernetesVersion: versions.kubernetes,
                  pauseImage,
                },
                files,
                signal,
              );
              step.detail("control plane images");
              const control = await this.#controlPlaneImages(
                kube,
                etcd,
                coredns,
                companions,
                versions.kubernetes,
                bareKey,
                staging,
              );
              const archive = join(staging, "control.tar");
              await saveImages(control, archive, signal);
              await preload(files, [archive], bare, { [corednsLabel]: companions.coredns }, signal);
            }
            step.detail("agnhost");
            await this.#single(agnhostImage, kube.key, join(kube.binDir, "agnhost"), "/agnhost", [
              "/agnhost",
            ]);
            step.detail("Cilium's images");
            const ciliumImages = await buildCiliumImages(
              {
                cilium: cilium.parts[0],
                operator: cilium.parts[1],
                etcd,
                agentRootTar: agent.tar,
                key: ciliumKey,
              },
              tag,
              signal,
            );
            const archive = join(staging, "cilium.tar");
            await saveImages([...ciliumImages, ...images], archive, signal);
            step.detail("preloading");
            await preload(bare, [archive], full, {}, signal);
          } finally {
            await rm(staging, { recursive: true, force: true });
          }
        },
        standing,
      );
      pushable.set(name, { bareNode: bare, images: [...images, ...ciliumTags(tag)] });
      clusters[name] = {
        versions,
        ciliumVersion: cilium.version,
        nodeImage: full,
        nodeImageId: (await imageId(full))!,
        chartDir: join(cilium.parts[0].sourceDir, "install/kubernetes/cilium"),
        imageValues: preloadedValues(tag),
        ciliumImages: ciliumTags(tag),
        importArchives: [],
      };
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
  async #single(
    reference: string,
    key: string,
    from: string,
    to: string,
    entrypoint: string[],
  ): Promise<string> {
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
    kube: BuiltComponent,
    etcd: BuiltComponent,
    coredns: BuiltComponent,
    companions: components.KubernetesCompanions,
    version: string,
    key: string,
    staging: string,
  ): Promise<string[]> {
    const references: string[] = [];
    for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]) {
      references.push(
        await this.#single(
          `registry.k8s.io/${name}:v${version}`,
          key,
          join(kube.binDir, name),
          `/usr/local/bin/${name}`,
          [],
        ),
      );
    }
    references.push(
      await this.#single(
        `registry.k8s.io/etcd:${companions.etcdImageTag}`,
        key,
        join(etcd.binDir, "server"),
        "/usr/local/bin/etcd",
        [],
      ),
      await this.#single(
        `registry.k8s.io/coredns/coredns:${companions.coredns}`,
        key,
        join(coredns.binDir, "coredns"),
        "/coredns",
        ["/coredns"],
      ),
    );
    const pause = join(staging, "pause");
    await buildFile(join(import.meta.dirname, "programs/pause.go"), pause, this.#request.signal);
    references.push(
      await this.#single(`registry.k8s.io/pause:${companions.pause}`, key, pause, "/pause", ["/pause"]),
    );
    return references;
  }
}

function ciliumTags(tag: string): string[] {
  return ["cilium", "operator-generic", "clustermesh-apiserver"].map(
    (name) => `quay.io/cilium/${name}:${tag}`,
  );
}
