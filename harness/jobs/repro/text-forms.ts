import { parseYamlObjects, type YamlDocument } from "#harness/config/yaml-objects.ts";
import { networkOf } from "#harness/lib/cidr.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Networking } from "./part.ts";

type Values = Record<string, unknown>;

/** What `helm get all` prints of one release. */
interface HelmRelease {
  /** The values that the operator gave. */
  readonly values: Values;
  readonly manifest: readonly YamlDocument[];
  readonly version?: string;
}

const given = /^USER-SUPPLIED VALUES:[ \t]*\r?\n([\s\S]*?)^COMPUTED VALUES:/m;
const rendered = /^MANIFEST:[ \t]*\r?\n([\s\S]*?)(?:^NOTES:|(?![\s\S]))/m;

export const isHelmRelease = (text: string): boolean => given.test(text) && rendered.test(text);

/**
 * Undefined if a text is not what `helm get all` prints. Of its parts, computed values hold all defaults of the chart, and
 * hooks and notes nothing of a mesh.
 */
export function helmRelease(text: string, place: string): HelmRelease | undefined {
  const own = given.exec(text)?.[1];
  const manifest = rendered.exec(text)?.[1];
  if (own === undefined || manifest === undefined) return undefined;
  const [values] = parseYamlObjects(own, `${place}, USER-SUPPLIED VALUES`);
  const version = /^(?:VERSION:|CHART: cilium-)\s*v?(\d\S*)/m.exec(text)?.[1];
  return {
    values: isMapping(values?.value) ? values.value : {},
    manifest: parseYamlObjects(manifest, `${place}, MANIFEST`),
    ...(version === undefined ? {} : { version }),
  };
}

/** What `helm list` prints as JSON or YAML: releases, and no values. */
export const isHelmList = (value: unknown): value is readonly Values[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(
    (r) => isMapping(r) && ["revision", "status", "chart"].every((key) => typeof r[key] === "string"),
  );

/** The version of Cilium's chart among the releases of `helm list`. */
export const listedVersion = (releases: readonly Values[]): string | undefined =>
  releases.flatMap(
    ({ chart }) => /^(?:rke2-)?cilium-v?(\d+\.\d+\.\d+\S*)$/.exec(String(chart))?.[1] ?? [],
  )[0];

/** The manifests and networks in a machine configuration of Talos, or in a patch of one; undefined of any other document. */
export function talosCluster(
  { machine, cluster }: Values,
  place: string,
): { readonly documents: readonly YamlDocument[]; readonly networking: Networking } | undefined {
  if (!isMapping(cluster) || !(isMapping(machine) || Array.isArray(cluster.inlineManifests)))
    return undefined;
  const inline = Array.isArray(cluster.inlineManifests) ? cluster.inlineManifests : [];
  const network = isMapping(cluster.network) ? cluster.network : {};
  const joined = (list: unknown): string =>
    (Array.isArray(list) ? list : []).flatMap((cidr) => networkOf(String(cidr)) ?? []).join(",");
  const [podSubnet, serviceSubnet] = [joined(network.podSubnets), joined(network.serviceSubnets)];
  return {
    documents: inline.flatMap((item: unknown, i) =>
      isMapping(item) && typeof item.contents === "string"
        ? parseYamlObjects(item.contents, `${place}, cluster.inlineManifests[${i}].contents`)
        : [],
    ),
    networking: {
      ...(podSubnet === "" ? {} : { podSubnet }),
      ...(serviceSubnet === "" ? {} : { serviceSubnet }),
    },
  };
}

/** What kubectl prints of several objects. */
export const isList = (value: unknown): value is Values & { readonly items: readonly unknown[] } =>
  isMapping(value) && /List$/.test(String(value.kind)) && Array.isArray(value.items);

/** kubectl prints `items: []` where there is no object; the Cilium CLI writes null. */
export const isEmptyList = ({ kind, items, ...more }: Values): boolean =>
  /List$/.test(String(kind)) &&
  (Array.isArray(items) ? items.length === 0 : items === null && more.apiVersion !== undefined);
