import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import { groupOf } from "../unwrap.ts";
import type { Resource } from "./kustomization.ts";

type Values = Record<string, unknown>;

/** Kinds without a namespace, of those that a kustomization of a mesh holds. */
const clusterScoped =
  /^(Cluster.*|CiliumClusterwide.*|Namespace|Node|CiliumNode|CustomResourceDefinition|.*Class|CiliumPodIPPool|PersistentVolume|Kustomization)$/;

/** The objects with `namespace`, `commonAnnotations` and `images` of a kustomization. */
export function transformed(resources: readonly Resource[], document: Values): Resource[] {
  const { namespace, commonAnnotations } = document;
  const images = mappingsIn(document.images);
  return resources.map((resource) => {
    const { value } = resource;
    if (value.helmCharts !== undefined && groupOf(value.apiVersion) === "kustomize.config.k8s.io")
      return resource;
    const own = isMapping(value.metadata) ? value.metadata : {};
    const isNamespaced = !clusterScoped.test(String(value.kind));
    const metadata = {
      ...own,
      ...(typeof namespace === "string" && isNamespaced ? { namespace } : {}),
      ...(isMapping(commonAnnotations)
        ? { annotations: { ...(isMapping(own.annotations) ? own.annotations : {}), ...commonAnnotations } }
        : {}),
    };
    const next = images.length === 0 ? value : (withImages(value, images) as Values);
    return { ...resource, value: { ...next, metadata } };
  });
}

function withImages(value: unknown, images: readonly Values[]): unknown {
  if (Array.isArray(value)) return value.map((v) => withImages(v, images));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "image" && typeof inner === "string" ? imageOf(inner, images) : withImages(inner, images),
    ]),
  );
}

function imageOf(image: string, images: readonly Values[]): string {
  const [, name = image, tag = ""] = /^(.*?)((?::[\w.-]+)?(?:@.+)?)$/.exec(image) ?? [];
  const of = images.find((i) => i.name === name);
  if (of === undefined) return image;
  const { newName = name, newTag, digest } = of;
  if (digest !== undefined) return `${newName}@${digest}`;
  return `${newName}${newTag === undefined ? tag : `:${newTag}`}`;
}
