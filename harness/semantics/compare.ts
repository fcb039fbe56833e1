/** Something that should be held: its value, and the object that it comes from. */
export interface Expected<T> {
  readonly value: T;
  /** `pod pay/db-0`, as a reader knows it. */
  readonly origin: string;
  /** It may be missing: it is coming or going. */
  readonly optional?: boolean;
}

/** Where data is held, one of the steps from an API server to a BPF map. */
export interface Place {
  readonly hop: "api" | "kvstore" | "cache" | "agent" | "map";
  /** The cluster that holds it. */
  readonly cluster: string;
  readonly node?: string;
  /** The replica of clustermesh-apiserver whose kvstore it is, where there are several. */
  readonly pod?: string;
  /** As the subject of a sentence: `the kvstore of west`. */
  readonly text: string;
}

const replica = (text: string, pod: string | undefined): Pick<Place, "text" | "pod"> =>
  pod === undefined ? { text } : { text: `${text} in ${pod}`, pod };

export const places = {
  api: (cluster: string): Place => ({ hop: "api", cluster, text: `the API server of ${cluster}` }),
  kvstore: (cluster: string, pod?: string): Place => ({
    ...{ hop: "kvstore", cluster },
    ...replica(`the kvstore of ${cluster}`, pod),
  }),
  cache: (cluster: string, of: string, pod?: string): Place => ({
    ...{ hop: "cache", cluster },
    ...replica(`the copy of ${of}'s data in the kvstore of ${cluster}`, pod),
  }),
  agent: (cluster: string, node: string): Place => ({
    ...{ hop: "agent", cluster, node },
    text: `the agent of ${cluster}/${node}`,
  }),
  ipcache: (cluster: string, node: string): Place => ({
    ...{ hop: "map", cluster, node },
    text: `the ipcache of ${cluster}/${node}`,
  }),
  serviceMap: (cluster: string, node: string): Place => ({
    ...{ hop: "map", cluster, node },
    text: `the BPF service map of ${cluster}/${node}`,
  }),
} as const;

/** One entry that is not as the step before it says. */
export interface Difference {
  /** `stale`: held, and nothing has it. */
  readonly kind: "missing" | "stale" | "different";
  readonly place: Place;
  /** The cluster whose data it is. */
  readonly of: string;
  /** `node`, `address`, `identity`, `service`... */
  readonly object: string;
  /** The entry: `10.2.1.7`, `west/worker`. */
  readonly name: string;
  /** The object that it comes from; empty for stale ones. */
  readonly origin: string;
  /** Of different ones. */
  readonly field?: string;
  readonly expected?: string;
  readonly held?: string;
}

/** A sentence without a full stop that names the place, the entry and both values. */
export function describeDifference(d: Difference): string {
  const entry = `${d.object} ${d.name}`;
  const origin = d.origin === "" || d.origin === entry ? "" : `, which ${d.origin} of ${d.of} has`;
  if (d.kind === "missing") return `${d.place.text} lacks ${entry}${origin}`;
  if (d.kind === "stale")
    return `${d.place.text} holds ${entry}${d.held === undefined ? "" : ` (${d.held})`}, which nothing of ${d.of} has`;
  const from = d.origin === "" ? "" : ` (${d.origin} of ${d.of})`;
  return `${d.place.text} has ${d.field} ${d.held} for ${entry}${from}, not ${d.expected}`;
}

/** Of the entries of a long list. */
const mostNamed = 5;

const listedTexts = (texts: readonly string[]): string =>
  texts.length < 3 ? texts.join(" and ") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`;

/** `a, b, c, d, e and 7 more`. */
const someOf = (texts: readonly string[]): string =>
  texts.length <= mostNamed
    ? listedTexts(texts)
    : `${texts.slice(0, mostNamed).join(", ")} and ${texts.length - mostNamed} more`;

/** Several of one kind, each at the same places, in one sentence. */
export function describeTogether(all: readonly Difference[], at: readonly Place[]): string {
  const [first] = all;
  const [place] = at;
  if (first === undefined || place === undefined) return "";
  const many = at.length > 1;
  const where = many
    ? `${someOf(at.map((p) => `${p.cluster}/${p.node ?? ""}`))}: ${place.text.replace(/ of \S+$/, "")}`
    : place.text;
  const text = (d: Difference): string => {
    const origin = d.origin === "" ? "" : ` (${d.origin} of ${d.of})`;
    if (d.kind === "missing") return `${d.name}${origin}`;
    if (d.kind === "stale") return `${d.name}${d.held === undefined ? "" : ` (${d.held})`}`;
    return `${d.held} for ${d.name}${origin}, not ${d.expected}`;
  };
  const listed = someOf(all.map(text));
  const { kind, object, field, of } = first;
  if (kind === "missing") return `${where} lacks ${object} ${listed}`;
  if (kind === "stale") return `${where} holds ${object} ${listed}, which nothing of ${of} has`;
  return `${where} has ${field} ${listed}`;
}

/** How one kind of entry is compared. */
export interface Comparison<T> {
  readonly place: Place;
  readonly of: string;
  readonly object: string;
  /** The values to compare, as a reader should see them; an expected one that is undefined is not compared. */
  readonly fields: (value: T) => Readonly<Record<string, string | undefined>>;
  /** Whether a held entry that is not expected is neither stale nor wrong. */
  readonly allowed?: (name: string, value: T) => boolean;
}

/** Missing, stale and different entries. `fields` is called only for entries that are not equal. */
export function compareEntries<T>(
  { place, of, object, fields, allowed = () => false }: Comparison<T>,
  expected: ReadonlyMap<string, Expected<T>>,
  held: ReadonlyMap<string, T>,
): Difference[] {
  const found: Difference[] = [];
  for (const [name, { value, origin, optional }] of expected) {
    const actual = held.get(name);
    const entry = { place, of, object, name, origin };
    if (actual === undefined) {
      if (optional !== true) found.push({ kind: "missing", ...entry });
      continue;
    }
    if (actual === value) continue;
    const values = fields(actual);
    for (const [field, wanted] of Object.entries(fields(value)))
      if (wanted !== undefined && wanted !== values[field])
        found.push({ kind: "different", ...entry, field, expected: wanted, held: values[field] ?? "none" });
  }
  for (const [name, value] of held)
    if (!expected.has(name) && !allowed(name, value))
      found.push({ kind: "stale", place, of, object, name, origin: "" });
  return found;
}
