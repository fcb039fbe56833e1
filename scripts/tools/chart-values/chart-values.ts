/** One chart: its schema, the values that it lists, and the text of its templates. */
export interface ChartFiles {
  readonly version: string;
  readonly schema: Schema;
  readonly values: Readonly<Record<string, unknown>>;
  readonly templates: string;
}

export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** A tree of values: at each leaf its types, with the version from which on they hold. */
export interface Tree {
  [key: string]: Tree | string;
}

/** In the table: a key that stands for any other key, and a version that does not have the value. */
const [anyKey, absent] = ["*", "-"];

/** The table of harness/semantics/chart-values.json, of charts in ascending order. */
export function tableOf(charts: readonly ChartFiles[]): Tree {
  const types = charts.map((chart) => ({ version: chart.version, paths: pathsOf(chart) }));
  const paths = [...new Set(types.flatMap((t) => [...t.paths.keys()]))].sort();
  const table: Tree = {};
  for (const path of paths) {
    const lives = types.map(({ version, paths: of }) => [version, of.get(path) ?? absent] as const);
    const changes = lives.filter(([, type], i) => type !== lives[i - 1]?.[1]);
    put(
      table,
      path.split("\n"),
      changes.map(([version, type], i) => (i === 0 ? type : `${version} ${type}`)).join("; "),
    );
  }
  return table;
}

/** Keys joined by newlines, because a key may contain a dot. A mapping with fixed keys is not a path of its own. */
function pathsOf({ schema, values, templates }: ChartFiles): Map<string, string> {
  const paths = new Map<string, string>();
  const walk = (of: Schema, at: readonly string[]): void => {
    const entries = Object.entries(of.properties ?? {});
    const dotted = at.join(".");
    if (at.length > 0 && entries.length === 0) paths.set(at.join("\n"), typeOf(of));
    else if (at.length > 0 && isPrinted(dotted, templates)) paths.set([...at, anyKey].join("\n"), "any");
    for (const [key, below] of entries) if (dotted !== "" || key !== "global") walk(below, [...at, key]);
  };
  walk(schema, []);
  for (const path of readBy(templates)) {
    const keys = path.split(".");
    if (!isListed(values, keys)) paths.set(keys.join("\n"), "any");
  }
  // A value with keys below it that only templates read.
  for (const path of paths.keys())
    if ([...paths.keys()].some((p) => p.startsWith(`${path}\n`))) paths.delete(path);
  return paths;
}

const typeOf = ({ type, enum: values, oneOf }: Schema): string => {
  if (values !== undefined) return values.map((v) => JSON.stringify(v)).join("|");
  if (oneOf !== undefined) return oneOf.map(typeOf).join("|");
  return type === undefined ? "any" : [type].flat().toSorted().join("|");
};

/** Whether a template prints a mapping as a whole: then it takes keys that the chart does not list. */
function isPrinted(path: string, templates: string): boolean {
  const of = `\\.Values\\.${path.replaceAll(".", "\\.")}`;
  return (
    new RegExp(`toYaml \\$?${of}(?![.\\w])`).test(templates) ||
    new RegExp(`with \\$?${of} *-?\\}\\}[^{]*\\{\\{-? *(tpl \\()?toYaml \\.`).test(templates)
  );
}

/**
 * Values that templates read, by `.Values.a.b`, `hasKey .Values.a "b"` and `dig "a" "b" DEFAULT .Values`, and by a variable
 * that holds a mapping: `$a.b`, `hasKey $a "b"`.
 */
function readBy(templates: string): Set<string> {
  const text = templates.replaceAll(/\{\{-?\s*\/\*.*?\*\/\s*-?\}\}/gs, "");
  const read = new Set<string>(readByVariables(text));
  for (const [, path = ""] of text.matchAll(/\.Values((?:\.\w+)+)/g)) read.add(path.slice(1));
  for (const [, path = "", key = ""] of text.matchAll(/hasKey \$?\.Values((?:\.\w+)*) "(\w+)"/g))
    read.add(`${path}.${key}`.slice(1));
  const digs = /dig((?: "\w+")+) (?:""|\([^)]*\)|\w+) \(?\$?\.Values((?:\.\w+)*)/g;
  for (const [, keys = "", path = ""] of text.matchAll(digs))
    read.add(`${path.replace(".AsMap", "")}.${[...keys.matchAll(/\w+/g)].join(".")}`.slice(1));
  read.delete("AsMap");
  return read;
}

/** `$a := .Values.x`; what `range` assigns is an element of it. */
const assignment = /(range )?(?:\$\w+, )?\$(\w+) :?= ([^}]*)/g;
/** Of `coalesce`, the first counts: the others are older names of it. */
const assignedPath = /^\(?(?:coalesce |default \S+ )?\$?\.Values((?:\.\w+)+)/;

/** A variable holds what the nearest assignment before it says: templates of other files may use its name, too. */
function readByVariables(text: string): string[] {
  const assigned = [...text.matchAll(assignment)].map(({ index, 1: range, 2: name, 3: is = "" }) => ({
    index,
    name,
    path: range === undefined ? assignedPath.exec(is)?.[1]?.slice(1) : undefined,
  }));
  const uses = text.matchAll(/hasKey \$(\w+) "(\w+)"|\$(\w+)\.(\w+(?:\.\w+)*)/g);
  return [...uses].flatMap(({ index, 1: has, 2: key, 3: of, 4: keys }) => {
    const last = assigned.findLast((a) => a.index < index && a.name === (has ?? of));
    return last?.path === undefined ? [] : [`${last.path}.${key ?? keys}`];
  });
}

/** Whether a chart lists a value, or a free-form mapping or an absent value above it. */
function isListed(values: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  let of: unknown = values;
  for (const key of keys) {
    if (typeof of !== "object" || of === null || Object.keys(of).length === 0) return true;
    if (!(key in of)) return false;
    of = (of as Record<string, unknown>)[key];
  }
  return true;
}

function put(tree: Tree, [key = "", ...rest]: readonly string[], type: string): void {
  if (rest.length === 0) {
    tree[key] = type;
    return;
  }
  const below = tree[key];
  // A mapping that was a value of its own in another chart.
  const next: Tree = typeof below === "string" ? { [anyKey]: below } : (below ?? {});
  tree[key] = next;
  put(next, rest, type);
}
