import { dirname } from "node:path";
import { clusterName } from "#harness/config/lab-file.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { wordsOf } from "#harness/semantics/chart-refusals.ts";
import { idIn } from "./by-cluster.ts";
import { clusterOf } from "./cluster-of.ts";
import { type Part, unreadFile } from "./part.ts";
import { Refusals } from "./refusals.ts";
import { at, isPlaceholder } from "./values-at.ts";

/** What to give, for people who gave something else. */
export const whatToGive = "give output of `helm get values`, `kubectl get -o yaml` or `cilium sysdump`";

/**
 * The clusters of all parts. A mesh needs at least two. An upgrade check needs one, and takes names that no lab can have:
 * they are findings.
 */
export function clustersOf(parts: readonly Part[], atLeast: 1 | 2 = 2): SourceCluster[] {
  requireMesh(parts);
  const placed = withPlaces(withManaged(parts));
  const names = [
    ...new Set(
      placed.filter((p) => !isOnlyVersion(p)).flatMap((p) => (p.cluster === undefined ? [] : [p.cluster])),
    ),
  ];
  const named = placed
    .map((p) => (isOnlyVersion(p) ? ofKnownCluster(p, names) : p))
    .map((p) => (isOnlyManaged(p) && names.length > 0 ? ofNobody(p) : p));
  requireNames(named, names, atLeast);
  return names.map((name) =>
    clusterOf(
      name,
      named.filter((p) => (p.cluster ?? names[0]) === name),
    ),
  );
}

/** The name by which a cluster is managed is Cilium's where another file has it. */
function withManaged(parts: readonly Part[]): Part[] {
  const names = new Set(parts.flatMap((p) => p.cluster ?? []));
  return parts.map((p) =>
    p.cluster === undefined && p.managed !== undefined && names.has(p.managed)
      ? { ...p, cluster: p.managed }
      : p,
  );
}

/** Networks of a cluster of which nothing else is known. */
const isOnlyManaged = ({ networking: _, ...part }: Part): boolean =>
  part.managed !== undefined && part.cluster === undefined && isEmpty(part);

function ofNobody({ networking: _, managed, ...part }: Part): Part {
  const why = `holds the networks of cluster ${managed}, of which no other file is`;
  return { ...part, notes: [...part.notes, unreadFile(part.source, why, undefined)] };
}

/**
 * A part that names no cluster belongs to the only one that the others of its kustomization, or of one around it, name;
 * else of its folder, or of one above it.
 */
function withPlaces(parts: readonly Part[]): Part[] {
  const named = parts.filter((p) => p.cluster !== undefined);
  const only = (inside: readonly Part[]): string | undefined => {
    const names = new Set(inside.map((p) => p.cluster));
    return names.size === 1 ? [...names][0] : undefined;
  };
  return parts.map((part) => {
    if (part.cluster !== undefined || isUnread(part) || noName(part) !== undefined) return part;
    const { unit = [] } = part;
    for (const depth of unit.keys()) {
      const cluster = only(named.filter((p) => unit.slice(0, depth + 1).every((u, i) => u === p.unit?.[i])));
      if (cluster !== undefined) return { ...part, cluster };
    }
    if (part.below === undefined) return part;
    for (let dir = dirname(homeOf(part)); ; dir = dirname(dir)) {
      const inside = named.filter((p) => homeOf(p).startsWith(`${dir}/`));
      const cluster = only(inside);
      if (cluster !== undefined) return { ...part, cluster };
      // A folder for each cluster, named like it.
      if (inside.length > 0 || dir === part.below || dir === dirname(dir)) return part;
    }
  });
}

/** Where it lies does not tell of which cluster a file is that nobody can read. */
const isUnread = (part: Part): boolean => isEmpty(part) && part.notes.some((n) => n.ofNoCluster === true);

/** What values have as cluster.name, if it is a word such as `no` without quotes: another cluster's name is not theirs. */
function noName({ values = {} }: Part): boolean | undefined {
  const written = at(values, "cluster.name");
  return typeof written === "boolean" ? written : undefined;
}

/** A kustomization may take its files from anywhere. */
const homeOf = ({ unit = [], source }: Part): string => unit[0] ?? source;

/** Whether a file says nothing of a cluster but notes. */
export const isEmpty = (part: Part): boolean =>
  part.values === undefined &&
  part.config === undefined &&
  part.objects.length === 0 &&
  part.networking === undefined;

/** As `helm list` tells it: nothing to make a cluster of. */
const isOnlyVersion = (part: Part): boolean => part.version !== undefined && isEmpty(part);

function ofKnownCluster(part: Part, names: readonly string[]): Part {
  const { cluster, version, ...rest } = part;
  if (cluster === undefined ? names.length === 1 : names.includes(cluster)) return part;
  const whose = cluster === undefined ? "no cluster is named" : `no other file is of cluster ${cluster}`;
  const unread = unreadFile(part.source, `Cilium ${version} by \`helm list\`, but ${whose}`, undefined);
  return { ...rest, cluster: names[0], notes: [...part.notes, unread] };
}

/** Folders of which no file could be read. */
function requireMesh(parts: readonly Part[]): void {
  const why = parts.flatMap((p) =>
    p.notes.map((n) => `${n.field === "file" ? "" : `${n.field}: `}${n.inSource}`),
  );
  if (parts.length === 0 || !parts.every(isEmpty) || why.length === 0) return;
  const more = why.length > 4 ? `; and ${why.length - 4} more` : "";
  throw new MeshproofError("usage", `no file is of a mesh: ${why.slice(0, 4).join("; ")}${more}`, {
    remedy: whatToGive,
  });
}

function requireNames(parts: readonly Part[], names: readonly string[], atLeast: number): void {
  const refusals = new Refusals();
  const unnamed = parts.filter((p) => p.cluster === undefined);
  for (const part of unnamed)
    refusals.attempt(() => requireName(part, names, unnamed.filter((p) => isUnnamed(p, names)).length > 1));
  for (const name of names)
    refusals.attempt(() => {
      const own = parts.filter((p) => p.cluster === name);
      requireOneDump(name, own);
      requireOneId(name, own);
      requireUsable(name, own, atLeast);
    });
  refusals.throwAll();
  if (names.length < atLeast)
    throw new MeshproofError(
      "usage",
      `${names.length === 0 ? "no cluster" : `only cluster ${names[0]}`} is in ${[...new Set(parts.map((p) => p.source))].join(", ")}`,
      { remedy: "a mesh needs at least two clusters: give the sysdump or the Helm values of each" },
    );
}

const isUnnamed = (part: Part, names: readonly string[]): boolean =>
  names.length !== 1 && !(isEmpty(part) && names.length > 0);

/** Of a part without a cluster. `several`: there are others. */
function requireName(part: Part, names: readonly string[], several: boolean): void {
  if (isOnlyManaged(part))
    throw new MeshproofError(
      "usage",
      `${part.source} holds only the networks of cluster ${part.managed}, and no file has its values`,
    );
  const written = at(part.values ?? {}, "cluster.name");
  const file = shellQuote([several ? "NAME=FILE" : `NAME=${part.source}`]);
  // Its values must not become those of the only cluster that has a name.
  if (isPlaceholder(written))
    throw new MeshproofError(
      "usage",
      `${part.source} does not name its cluster: cluster.name is ${JSON.stringify(written).slice(0, 80)}, a placeholder`,
      {
        remedy:
          part.ofEach ??
          `give the rendered form (\`helm template\`, \`helm get values\`), or the name: ${file}; if it is for several, once for each`,
      },
    );
  const wrong = noName(part);
  if (wrong !== undefined)
    throw new MeshproofError(
      "usage",
      `${part.source} does not name its cluster: cluster.name is ${wrong}, no text (${wordsOf(wrong)}), and the chart refuses it`,
      { remedy: `write cluster.name in quotes, or give the name: ${file}` },
    );
  if (!isUnnamed(part, names)) return;
  const unread = part.notes.filter((n) => n.field === "values in other files").map((n) => n.inSource);
  const more = unread.length === 0 ? "" : `; not read: ${shortList(unread, 4)}`;
  throw new MeshproofError("usage", `${part.source} does not name its cluster${more}`, {
    remedy: `give it as ${file}${names.length === 0 ? "" : `, NAME one of ${names.join(", ")}`}; if it is for several, once for each`,
  });
}

function requireOneDump(name: string, own: readonly Part[]): void {
  const dumps = own.filter((p) => p.sysdump);
  if (dumps.length > 1)
    throw new MeshproofError(
      "usage",
      `${dumps.map((d) => d.source).join(" and ")} are both from cluster ${name}`,
      { remedy: "give one sysdump per cluster" },
    );
}

/** The names become names of files and containers. */
export function requireUsable(name: string, [first]: readonly Part[], atLeast: number): void {
  const found = clusterName.safeParse(name);
  if (atLeast === 2 && (!found.success || name === "lab"))
    throw new MeshproofError(
      "usage",
      `${first?.source ?? "a file"} has the invalid cluster name ${JSON.stringify(name.slice(0, 80))}`,
      { remedy: found.error?.issues[0]?.message ?? "'lab' is the name of the lab's own file" },
    );
}

/** Values of two clusters with one name would become values of one cluster. */
function requireOneId(name: string, parts: readonly Part[]): void {
  const own = parts.map((p) => ({ source: p.source, id: idIn(p) })).filter((p) => p.id !== undefined);
  const [first] = own;
  const other = own.find((p) => String(p.id) !== String(first?.id));
  if (first !== undefined && other !== undefined)
    throw new MeshproofError(
      "usage",
      `${first.source} has cluster ${name} with id ${first.id}, ${other.source} with id ${other.id}`,
      {
        remedy:
          "a mesh needs another name for each cluster: correct cluster.name, or leave out the file that is not of it",
      },
    );
}
