import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { parseAllDocuments } from "yaml";
import { clusterName } from "#harness/config/lab-file.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { readingUserFile, readUserFile, unreadable } from "#harness/config/user-file.ts";
import { readSysdump } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { checkRecord, parseRecord, type RecordFormat } from "#harness/lib/records.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";
import {
  fieldConfigFormat,
  fieldValuesFormat,
  type SourceCluster,
  type SourceObject,
  sourceObjectsFormat,
} from "#harness/model/source-environment.ts";

type Values = Readonly<Record<string, unknown>>;

/** Data about one cluster from one file. */
interface Part {
  readonly source: string;
  /** Undefined if the file does not name its cluster. */
  readonly cluster: string | undefined;
  readonly values?: Values;
  readonly config?: Readonly<Record<string, string>>;
  readonly objects: readonly SourceObject[];
  readonly sysdump: boolean;
}

const mostYamlBytes = 16 * 1024 ** 2;

/**
 * Reads sysdumps, Helm values and kubectl YAML, in any combination; `NAME=FILE` names the cluster of a file that does
 * not name it. Nothing in them is executed.
 */
export async function readSource(files: readonly string[]): Promise<SourceCluster[]> {
  const parts: Part[] = [];
  for (const file of files) {
    const [, cluster, path] = /^([a-z0-9-]+)=(.+)$/.exec(file) ?? [undefined, undefined, file];
    if (path === undefined) continue;
    const remedy = "give output of `helm get values`, `kubectl get -o yaml` or `cilium sysdump`";
    parts.push(
      await readingUserFile(path, "a file of the mesh", remedy, () =>
        path.endsWith(".zip") ? fromSysdump(path) : fromYaml(path, cluster),
      ),
    );
  }
  const names = [...new Set(parts.map((p) => p.cluster).filter((n) => n !== undefined))];
  for (const part of parts)
    if (part.cluster === undefined && names.length !== 1)
      throw new MeshproofError("usage", `${part.source} does not name its cluster`, {
        remedy: `give it as ${shellQuote([`NAME=${part.source}`])}${names.length === 0 ? "" : `, NAME one of ${names.join(", ")}`}`,
      });
  for (const name of names) {
    const dumps = parts.filter((p) => p.sysdump && p.cluster === name);
    if (dumps.length > 1)
      throw new MeshproofError(
        "usage",
        `${dumps.map((d) => d.source).join(" and ")} are both from cluster ${name}`,
        {
          remedy: "give one sysdump per cluster",
        },
      );
  }
  // The names become names of files and containers.
  for (const name of names) {
    const found = clusterName.safeParse(name);
    if (!found.success || name === "lab")
      throw new MeshproofError(
        "usage",
        `a file has the invalid cluster name ${JSON.stringify(name.slice(0, 80))}`,
        {
          remedy: found.error?.issues[0]?.message ?? "'lab' is the name of the lab's own file",
        },
      );
  }
  if (names.length < 2)
    throw new MeshproofError(
      "usage",
      `${names.length === 0 ? "no cluster" : `only cluster ${names[0]}`} is in these files`,
      {
        remedy: "a mesh needs at least two clusters: give the sysdump or the Helm values of each",
      },
    );
  return names.map((name) =>
    clusterOf(
      name,
      parts.filter((p) => (p.cluster ?? names[0]) === name),
    ),
  );
}

async function fromSysdump(path: string): Promise<Part> {
  const { cluster, evidence } = await readSysdump(path);
  const read = <T>(file: string, empty: string, format: RecordFormat<T>): T =>
    parseRecord(evidence.get(file) ?? empty, format, {
      what: `${file} of ${basename(path)}`,
      remedy: "give a zip written by `cilium sysdump`",
      code: "archive-corrupt",
    });
  const objects = (file: string, kind: string, apiVersion: string): SourceObject[] =>
    (read(file, "[]", sourceObjectsFormat) ?? []).map((o) => ({ ...o, kind, apiVersion }));
  return {
    source: basename(path),
    cluster,
    sysdump: true,
    values: read("helm-values.json", "{}", fieldValuesFormat),
    config: read("cilium-config.json", "{}", fieldConfigFormat),
    objects: [
      ...objects("nodes.json", "Node", "v1"),
      ...objects("namespaces.json", "Namespace", "v1"),
      ...objects("services.json", "Service", "v1"),
      ...objects("pods.json", "Pod", "v1"),
      ...objects("ciliumnetworkpolicies.json", "CiliumNetworkPolicy", "cilium.io/v2"),
      ...objects("ciliumclusterwidenetworkpolicies.json", "CiliumClusterwideNetworkPolicy", "cilium.io/v2"),
      ...objects("networkpolicies.json", "NetworkPolicy", "networking.k8s.io/v1"),
    ],
  };
}

async function fromYaml(path: string, named: string | undefined): Promise<Part> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw unreadable(path, "a file of the mesh", error);
  });
  if (size > mostYamlBytes)
    throw new MeshproofError(
      "usage",
      `${path} has ${Math.round(size / 1024 ** 2)} MiB; the limit is 16 MiB`,
      {
        remedy: "give only the objects of Cilium's and the tested namespaces",
      },
    );
  const documents = parseAllDocuments(readUserFile(path, "a file of the mesh"));
  const read = (d: (typeof documents)[number]): unknown => {
    if (d.errors.length > 0)
      throw new MeshproofError("config-invalid", `${path} is not YAML: ${syntaxProblem(d.errors[0])}`, {
        remedy: "correct the file",
      });
    // helm and kubectl write no aliases, which could expand without limit.
    try {
      return d.toJS({ maxAliasCount: 0 });
    } catch (error) {
      throw new MeshproofError("config-invalid", `${path} cannot be read: ${syntaxProblem(error)}`, {
        remedy: "write it without YAML aliases",
      });
    }
  };
  // `helm get values -a` writes a heading before the values.
  const all = documents
    .map(read)
    .filter((d) => d !== null)
    .map((d) => withoutHead(d as Record<string, unknown>));
  const found = all.flatMap((d): unknown[] =>
    Array.isArray(d.items) ? d.items : d.kind !== undefined && d.metadata !== undefined ? [d] : [],
  );
  const objects =
    checkRecord(found, sourceObjectsFormat, {
      what: `the objects of ${path}`,
      remedy: "give output of `kubectl get -o yaml`",
    }) ?? [];
  const [values] = all.filter((d) => d.kind === undefined && d.items === undefined);
  const config = objects.find((o) => o.kind === "ConfigMap" && o.metadata.name === "cilium-config")?.data as
    | Record<string, string>
    | undefined;
  const own =
    (values?.cluster as { name?: string } | undefined)?.name ?? config?.["cluster-name"] ?? undefined;
  if (named !== undefined && own !== undefined && named !== own)
    throw new MeshproofError("usage", `${path} is from cluster ${own}, not ${named}`, {
      remedy: `give it as ${own}=${path}, or without a name`,
    });
  if (objects.length === 0 && values === undefined)
    throw new MeshproofError("usage", `${path} contains neither Helm values nor Kubernetes objects`, {
      remedy: "give output of `helm get values` or `kubectl get -o yaml`",
    });
  return {
    source: basename(path),
    cluster: named ?? own,
    sysdump: false,
    ...(values === undefined ? {} : { values }),
    ...(config === undefined ? {} : { config }),
    objects,
  };
}

function withoutHead(values: Record<string, unknown>): Record<string, unknown> {
  const { "COMPUTED VALUES": _a, "USER-SUPPLIED VALUES": _b, ...rest } = values;
  return rest;
}

function clusterOf(name: string, parts: readonly Part[]): SourceCluster {
  const objects = parts.flatMap((p) => p.objects);
  const of = (...kinds: string[]): SourceObject[] => objects.filter((o) => kinds.includes(o.kind ?? ""));
  const values = parts.reduce<Record<string, unknown>>((all, p) => mergeValues(all, p.values ?? {}), {});
  const config = Object.assign({}, ...parts.map((p) => p.config ?? {})) as Record<string, string>;
  const nodes = of("Node");
  const pods = of("Pod");
  const controlPlanes = nodes.filter(
    (n) => "node-role.kubernetes.io/control-plane" in (n.metadata.labels ?? {}),
  );
  const info = nodes[0]?.status?.nodeInfo as
    | { readonly kubeletVersion?: string; readonly kernelVersion?: string }
    | undefined;
  const id = Number(config["cluster-id"] ?? (values.cluster as { id?: number } | undefined)?.id);
  return {
    name,
    sources: parts.map((p) => p.source),
    ...present({
      id: id > 0 ? id : undefined,
      kubernetes: info?.kubeletVersion?.replace(/^v/, ""),
      cilium: versionOf(pods, values),
      podCidr: flagOf(pods, "kube-controller-manager", "--cluster-cidr") ?? covering(nodes),
      serviceCidr: flagOf(pods, "kube-apiserver", "--service-cluster-ip-range"),
      kernel: info?.kernelVersion,
    }),
    controlPlanes: controlPlanes.length,
    workers: nodes.length - controlPlanes.length,
    values,
    config,
    namespaces: of("Namespace"),
    services: of("Service"),
    pods,
    policies: of("CiliumNetworkPolicy", "NetworkPolicy"),
    clusterwide: of("CiliumClusterwideNetworkPolicy"),
  };
}

/** From the running agents, otherwise from the image in the values. */
function versionOf(pods: readonly SourceObject[], values: Values): string | undefined {
  const agent = pods.find((p) => p.metadata.labels?.["k8s-app"] === "cilium");
  const image = agent?.spec?.containers?.find((c: { name: string }) => c.name === "cilium-agent")?.image as
    | string
    | undefined;
  const tag = image?.split("@")[0] ?? (values.image as { tag?: string } | undefined)?.tag;
  return /v?(\d+\.\d+\.\d+)$/.exec(tag ?? "")?.[1];
}

/** A flag of one of kubeadm's static pods. */
function flagOf(pods: readonly SourceObject[], component: string, flag: string): string | undefined {
  const pod = pods.find((p) => p.metadata.labels?.component === component);
  const argv = (pod?.spec?.containers?.[0]?.command ?? []) as string[];
  return argv.find((a) => a.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

/** The /16 that contains all pod CIDRs of nodes, if there is one. */
function covering(nodes: readonly SourceObject[]): string | undefined {
  const cidrs = nodes.map((n) => n.spec?.podCIDR as string | undefined).filter((c) => c !== undefined);
  const wide = new Set(cidrs.map((c) => c.replace(/^(\d+\.\d+)\..*$/, "$1.0.0/16")));
  return wide.size === 1 ? [...wide][0] : undefined;
}
