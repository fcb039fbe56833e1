import { type KindRef, type Kube, type KubeObject, kinds } from "#harness/kube/kube.ts";

const named = ({ metadata: { namespace, name } }: KubeObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

interface Watched {
  readonly kind: KindRef;
  /** The names by which differences mention it. */
  readonly names: (o: KubeObject) => readonly string[];
  /** Whether another version of it counts, and not only another object. */
  readonly versions: boolean;
}

/** What is created, changed or deleted while a mesh is read, beside endpoints. */
const watched: readonly Watched[] = [
  { kind: kinds.ciliumIdentity, names: (o) => [named(o)], versions: false },
  // Its status changes with every address.
  { kind: kinds.ciliumNode, names: (o) => [named(o)], versions: false },
  { kind: kinds.service, names: (o) => [named(o)], versions: true },
  {
    kind: kinds.endpointSlice,
    names: (o) => [
      named(o),
      `${o.metadata.namespace ?? ""}/${o.metadata.labels?.["kubernetes.io/service-name"] ?? ""}`,
    ],
    versions: true,
  },
];

/** The watched objects at one moment: uid and version to names. */
export type Watermark = ReadonlyMap<string, readonly string[]>;

/** A kind that cannot be listed is left out: its file says why. */
export async function watermark(kube: Pick<Kube, "list">): Promise<Watermark> {
  const lists = await Promise.all(
    watched.map(async ({ kind, names, versions }) =>
      (await kube.list(kind).catch(() => [])).map((o) => {
        const { uid = "", resourceVersion = "" } = o.metadata;
        return [`${kind.plural} ${uid} ${versions ? resourceVersion : ""}`, names(o)] as const;
      }),
    ),
  );
  return new Map(lists.flat());
}

/** The names of what came, changed or went between two moments. */
export const changedBetween = (before: Watermark, after: Watermark): string[] => [
  ...new Set(
    [...before, ...after].filter(([key]) => before.has(key) !== after.has(key)).flatMap(([, names]) => names),
  ),
];
