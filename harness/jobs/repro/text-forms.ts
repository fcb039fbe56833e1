import { parseYamlObjects, type YamlDocument } from "#harness/config/yaml-objects.ts";
import { isMapping } from "#harness/lib/value-at.ts";

type Values = Record<string, unknown>;

/** What `helm get all` prints of one release. */
interface HelmRelease {
  /** The values that the operator gave. */
  readonly values: Values;
  readonly manifest: readonly YamlDocument[];
  readonly version?: string;
}

/**
 * Undefined if a text is not what `helm get all` prints. Of its parts, computed values hold all defaults of the chart, and
 * hooks and notes nothing of a mesh.
 */
export function helmRelease(text: string, place: string): HelmRelease | undefined {
  const given = /^USER-SUPPLIED VALUES:[ \t]*\r?\n([\s\S]*?)^COMPUTED VALUES:/m.exec(text)?.[1];
  const manifest = /^MANIFEST:[ \t]*\r?\n([\s\S]*?)(?:^NOTES:|(?![\s\S]))/m.exec(text)?.[1];
  if (given === undefined || manifest === undefined) return undefined;
  const [values] = parseYamlObjects(given, `${place}, USER-SUPPLIED VALUES`);
  const version = /^(?:VERSION:|CHART: cilium-)\s*v?(\d\S*)/m.exec(text)?.[1];
  return {
    values: isMapping(values?.value) ? values.value : {},
    manifest: parseYamlObjects(manifest, `${place}, MANIFEST`),
    ...(version === undefined ? {} : { version }),
  };
}

/** The manifests and networks that a machine configuration of Talos holds; undefined of any other document. */
export function talosCluster(
  { machine, cluster }: Values,
  place: string,
): { readonly documents: readonly YamlDocument[]; readonly networking: Values } | undefined {
  if (!isMapping(machine) || !isMapping(cluster)) return undefined;
  const inline = Array.isArray(cluster.inlineManifests) ? cluster.inlineManifests : [];
  const network = isMapping(cluster.network) ? cluster.network : {};
  const joined = (list: unknown): string => (Array.isArray(list) ? list.join(",") : "");
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

/** The networks of a cluster as a distribution's own configuration says them: k0s, KubeOne, RKE2 and K3s. */
export function networksOf(document: Values): Values | undefined {
  const inside = (value: unknown): Values => (isMapping(value) ? value : {});
  const k0s = inside(inside(document.spec).network);
  const kubeOne = inside(document.clusterNetwork);
  const found: Values =
    document.kind === "ClusterConfig"
      ? { podSubnet: k0s.podCIDR, serviceSubnet: k0s.serviceCIDR }
      : document.kind === "KubeOneCluster"
        ? { podSubnet: kubeOne.podSubnet, serviceSubnet: kubeOne.serviceSubnet }
        : document.kind === undefined
          ? { podSubnet: document["cluster-cidr"], serviceSubnet: document["service-cidr"] }
          : {};
  const given = Object.entries(found).flatMap(([key, value]): [string, string][] => {
    const text = Array.isArray(value) ? value.join(",") : value;
    return typeof text === "string" && text !== "" ? [[key, text]] : [];
  });
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** kubectl prints `items: []` where there is no object; the Cilium CLI writes null. */
export const isEmptyList = ({ kind, items, ...more }: Values): boolean =>
  /List$/.test(String(kind)) &&
  (Array.isArray(items) ? items.length === 0 : items === null && more.apiVersion !== undefined);
