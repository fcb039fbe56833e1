import { present } from "#harness/lib/present.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { Difference, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import { type DefinedService, serviceProblems } from "#harness/semantics/service-definitions.ts";
import { routesToOthers } from "./route-backends.ts";
import { familiesOf } from "./service-families.ts";
import { podsByService } from "./service-pods.ts";
import { settingsOf, unknownSettings } from "./source-settings.ts";
import { isUsers } from "./stand-ins.ts";

/** `part`: that of the source if it has none. */
type Problem = Omit<Difference, "difference" | "part"> & Partial<Pick<Difference, "part">>;

/** What is wrong with services of one name, as `serviceProblems` says, and routes to those of another cluster. */
export function servicesInMesh(
  clusters: readonly SourceCluster[],
  defects: readonly KnownDefect[],
): Problem[] {
  const podsOf = podsByService(clusters);
  const keyOf = ({ metadata }: SourceObject): string => `${metadata.namespace ?? "default"}/${metadata.name}`;
  const exported = new Set(clusters.flatMap((c) => c.serviceExports.map(keyOf)));
  const found = serviceProblems(
    clusters.map((c) => ({
      name: c.name,
      ...(c.cilium === undefined ? {} : { version: c.cilium }),
      ...present({ settings: knownSettings(c) }),
      unknown: unknownSettings(c),
      namespaces: c.namespaces.map(({ metadata: { name, annotations } }) => ({
        name,
        annotations: annotations ?? {},
      })),
      hasServices: c.services.length > 0,
      services: c.services.map((s) => ({
        namespace: s.metadata.namespace ?? "default",
        name: s.metadata.name,
        annotations: s.metadata.annotations ?? {},
        labels: s.metadata.labels ?? {},
        selector: (s.spec?.selector ?? {}) as Readonly<Record<string, string>>,
        ports: listOf(s.spec?.ports) as unknown as DefinedService["ports"],
        isExported: exported.has(keyOf(s)),
        isHeadless: s.spec?.clusterIP === "None",
        ...present({ pods: podsOf(c, s), families: familiesOf(c, s) }),
      })),
    })),
    defects,
  );
  return [...found, ...routesToOthers(clusters)].map(({ cluster, service, problem, matters }) => ({
    cluster,
    field: `Service ${service}`,
    inSource: problem,
    inLab: isRebuilt(service) ? "as it is" : "the lab's own, as Kubernetes makes it",
    matters,
    ...(matters === "no" ? { part: "other" } : {}),
  }));
}

/** `service`: `namespace/name`. Those of the cluster itself are the lab's own. */
function isRebuilt(service: string): boolean {
  const [namespace = "", name = ""] = service.split("/");
  return isUsers({ kind: "Service", metadata: { namespace, name } });
}

/** Undefined where neither values nor cilium-config are known. */
const knownSettings = (c: SourceCluster): ReturnType<typeof settingsOf>["settings"] | undefined =>
  Object.keys(c.values).length === 0 && Object.keys(c.config).length === 0
    ? undefined
    : settingsOf(c).settings;

/** Read from Cilium 1.20 on. */
export function globalNamespaces(clusters: readonly SourceCluster[]): Problem[] {
  const key = "clustermesh-default-global-namespace";
  const values = clusters.flatMap((c) => {
    const settings = isAtLeast(c.cilium ?? "", "1.20") ? knownSettings(c) : undefined;
    return settings === undefined || unknownSettings(c).has(key)
      ? []
      : [{ name: c.name, value: settings[key] ?? "true" }];
  });
  if (new Set(values.map((v) => v.value)).size < 2) return [];
  return [
    {
      cluster: values.map((v) => v.name).join(", "),
      field: "clustermesh.defaultGlobalNamespace differs",
      inSource: `${values.map((v) => `${v.name} ${v.value}`).join(", ")}: a namespace without the annotation clustermesh.cilium.io/global is shared with the mesh by some of them only, and pods reach each other by services and policies only where both sides share it`,
      inLab: "as it is",
      matters: "perhaps",
    },
  ];
}
