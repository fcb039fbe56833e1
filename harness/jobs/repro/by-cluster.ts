import { mergeValues } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Note, SourceObject } from "#harness/model/source-environment.ts";
import { deployerKinds } from "./deployers.ts";
import { leftOut, type Networking, type Piece } from "./part.ts";
import { at } from "./values-at.ts";

/** The pieces of one list belong to one cluster. */
export function joined(all: readonly Piece[]): Piece[] {
  // Each of another cluster.
  const managed = all.filter(isOfManaged);
  const pieces = all.filter((p) => !isOfManaged(p));
  return [...managed, ...joinedOfOne(pieces)];
}

const isOfManaged = (piece: Piece): boolean => piece.managed !== undefined && piece.cluster === undefined;

function joinedOfOne(pieces: readonly Piece[]): Piece[] {
  const names = new Set(pieces.map((p) => p.cluster).filter((n) => n !== undefined));
  return names.size > 1 || pieces.length === 0 ? [...pieces] : [merged(pieces, [...names][0])];
}

function merged(pieces: readonly Piece[], cluster: string | undefined): Piece {
  const values = pieces.flatMap((p) => (p.values === undefined ? [] : [p.values]));
  const config = pieces.find((p) => p.config !== undefined)?.config;
  const version = pieces.find((p) => p.version !== undefined)?.version;
  // Of kubeadm's documents only one has the networks.
  const networks = pieces.flatMap((p) => p.networking ?? []);
  const ofEach = pieces.find((p) => p.ofEach !== undefined)?.ofEach;
  const defaults = pieces.flatMap((p) => (p.defaults === undefined ? [] : [p.defaults]));
  return {
    cluster,
    objects: pieces.flatMap((p) => p.objects),
    notes: pieces.flatMap((p) => p.notes),
    ...(values.length === 0 ? {} : { values: values.reduce(mergeValues, {}) }),
    ...(config === undefined ? {} : { config }),
    ...(version === undefined ? {} : { version }),
    ...(networks.length === 0 ? {} : { networking: Object.assign({}, ...networks) as Networking }),
    ...(ofEach === undefined ? {} : { ofEach }),
    ...(defaults.length === 0 ? {} : { defaults: defaults.reduce(mergeValues, {}) }),
  };
}

/** The cluster's id, as it is written. */
export const idIn = ({ config, values }: Pick<Piece, "config" | "values">): unknown =>
  config?.["cluster-id"] ?? at(values ?? {}, "cluster.id");

/** Two clusters of one name would become one. */
function requireOneId(pieces: readonly Piece[], name: string, path: string): void {
  const ids = new Set(
    pieces
      .filter((p) => p.cluster === name)
      .map(idIn)
      .filter((id) => id !== undefined)
      .map(String),
  );
  if (ids.size > 1)
    throw new MeshproofError("usage", `${path} has cluster ${name} with ids ${[...ids].join(" and ")}`, {
      remedy:
        "a mesh needs another name for each cluster: correct cluster.name, or give the values of one cluster as a file of its own",
    });
}

const labelOf = ({ kind, metadata: { namespace, name } }: SourceObject): string =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;

const isOnlyObjects = (piece: Piece): boolean =>
  piece.objects.length > 0 &&
  [piece.cluster, piece.values, piece.config, piece.networking].every((part) => part === undefined);

/**
 * A file's pieces by cluster: a piece that names none belongs to the last one named before it. Of those that manage
 * clusters each is a piece of its own.
 */
export function byCluster(all: readonly Piece[], path: string, named: string | undefined): Piece[] {
  const managed = Map.groupBy(all.filter(isOfManaged), (p) => p.managed ?? "");
  if (named === undefined ? managed.size > 0 : managed.size > 1) return ofManaged(managed, all, path, named);
  return ofOneFile(all, path, named);
}

function ofManaged(
  managed: ReadonlyMap<string, readonly Piece[]>,
  all: readonly Piece[],
  path: string,
  named: string | undefined,
): Piece[] {
  if (named !== undefined)
    throw new MeshproofError(
      "usage",
      `${path} holds the networks of clusters ${[...managed.keys()].join(", ")}, not of ${named} alone`,
      { remedy: `give it without a name: ${shellQuote([path])}` },
    );
  const own = [...managed].map(([name, pieces]) => ({ ...merged(pieces, undefined), managed: name }));
  const rest = all.filter((p) => !isOfManaged(p));
  const others = rest.flatMap((p) => (isOnlyObjects(p) && deployerKinds(p).length > 0 ? p.objects : []));
  const kept = rest.filter((p) => !(isOnlyObjects(p) && deployerKinds(p).length > 0));
  const [first, ...more] = own;
  const withNote =
    first === undefined || others.length === 0
      ? own
      : [{ ...first, notes: [...first.notes, ofNoCluster(others, path)] }, ...more];
  return [...withNote, ...(kept.length === 0 ? [] : ofOneFile(kept, path, undefined))];
}

const ofNoCluster = (objects: readonly SourceObject[], path: string): Note => ({
  ...leftOut(path, `holds ${shortList(objects.map(labelOf), 8)}`),
  field: "objects of no cluster",
  matters: "no",
});

function ofOneFile(pieces: readonly Piece[], path: string, named: string | undefined): Piece[] {
  const names = [...new Set(pieces.map((p) => p.cluster).filter((n) => n !== undefined))];
  for (const name of names) requireOneId(pieces, name, path);
  const [own] = names;
  if (named !== undefined && names.some((n) => n !== named))
    throw new MeshproofError("usage", `${path} is from cluster ${names.join(", ")}, not ${named}`, {
      remedy: `give it as ${shellQuote([names.length === 1 ? `${own}=${path}` : path])}, or without a name`,
    });
  if (names.length <= 1) return [merged(pieces, named ?? own)];
  const groups = new Map<string, Piece[]>(names.map((n) => [n, []]));
  let current: string | undefined;
  for (const piece of pieces) {
    current = piece.cluster ?? current;
    const kinds = isOnlyObjects(piece) ? deployerKinds(piece) : [];
    if (kinds.length > 0) {
      const note = ofNoCluster(piece.objects, path);
      groups.get(current ?? own ?? "")?.push({ ...piece, objects: [], notes: [...piece.notes, note] });
      continue;
    }
    if (current === undefined)
      throw new MeshproofError(
        "usage",
        `${path} has clusters ${names.join(", ")}, and its first document does not say of which it is`,
        {
          remedy:
            "put each cluster's objects after its values or its ConfigMap cilium-config, or into a file of their own",
        },
      );
    groups.get(current)?.push(piece);
  }
  return [...groups].map(([name, group]) => merged(group, name));
}
