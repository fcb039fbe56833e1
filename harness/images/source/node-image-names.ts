import { found } from "#harness/lib/found.ts";
import type { Versions } from "#harness/model/artifacts.ts";
import { contentKey } from "#harness/platform/paths.ts";
import { ciliumRecipe } from "./cilium-images.ts";
import type { KubernetesCompanions } from "./components.ts";
import type { BuiltRoot } from "./debian.ts";
import type { BuiltComponent } from "./go-build.ts";

/** Part of the keys of the prober's and the nodes' images: raise it when a recipe changes. */
export const recipeVersion = "1";
const nodeRecipe = "2";

export interface KubernetesPrograms {
  readonly version: string;
  readonly kube: BuiltComponent;
  readonly companions: KubernetesCompanions;
  readonly etcd: BuiltComponent;
  readonly coredns: BuiltComponent;
}

export interface CiliumPrograms {
  /** The agent with all but the operator, then the operator. */
  readonly parts: readonly [BuiltComponent, BuiltComponent];
  readonly version: string;
}

export interface Programs {
  readonly kind: BuiltComponent;
  readonly containerd: BuiltComponent;
  readonly cni: BuiltComponent;
  /** By Kubernetes version. */
  readonly kubernetes: ReadonlyMap<string, KubernetesPrograms>;
  /** By what was requested: a version or a checkout. */
  readonly ciliums: ReadonlyMap<string, CiliumPrograms>;
}

interface Ingredients {
  readonly programs: Programs;
  readonly roots: { readonly node: BuiltRoot; readonly agent: BuiltRoot };
  readonly proberImage: string;
}

/** The parts of a node's image, and the names derived from them. */
export interface NodeImage extends Ingredients {
  readonly kubernetes: KubernetesPrograms;
  readonly cilium: CiliumPrograms;
  /** The image without preloaded images. */
  readonly bare: string;
  readonly bareKey: string;
  readonly full: string;
  readonly ciliumKey: string;
  /** The tag of Cilium's images. */
  readonly tag: string;
  readonly agnhostImage: string;
  /** The other images in the full image, beside Cilium's. */
  readonly preloaded: readonly string[];
}

export function nodeImageOf(versions: Versions, ingredients: Ingredients): NodeImage {
  const { programs, roots, proberImage } = ingredients;
  const kubernetes = found(
    programs.kubernetes.get(versions.kubernetes),
    `build of Kubernetes ${versions.kubernetes}`,
  );
  const cilium = found(programs.ciliums.get(versions.cilium), `build of Cilium ${versions.cilium}`);
  const { kube, companions, etcd, coredns } = kubernetes;
  const bareKey = contentKey(
    recipeVersion,
    nodeRecipe,
    ...[kube, programs.containerd, programs.cni, programs.kind, etcd, coredns, roots.node].map((p) => p.key),
  );
  const ciliumKey = contentKey(ciliumRecipe, ...cilium.parts.map((p) => p.key), etcd.key, roots.agent.key);
  const fullKey = contentKey(bareKey, ciliumKey, proberImage);
  const agnhostImage = `registry.k8s.io/e2e-test-images/agnhost:${companions.agnhostTag}`;
  return {
    ...ingredients,
    kubernetes,
    cilium,
    bare: `meshproof/node-bare:v${kubernetes.version}-${bareKey}`,
    bareKey,
    full: `meshproof/node:v${kubernetes.version}-cilium-${cilium.version}-${fullKey}`,
    ciliumKey,
    tag: `v${cilium.version}`,
    agnhostImage,
    preloaded: [agnhostImage, proberImage],
  };
}
