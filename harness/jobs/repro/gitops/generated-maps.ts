import { isMapping, textsIn } from "#harness/lib/value-at.ts";

type Values = Record<string, unknown>;

/** How a generator reads a file beside its kustomization; undefined if that is not possible, which the caller notes. */
type ReadText = (path: string) => string | undefined;

/** The entries of one item of `configMapGenerator` or `secretGenerator`, from its files, literals and env files. */
export function generatedData(item: Values, read: ReadText): Record<string, string> {
  const lines = [item.env, ...textsIn(item.envs)].flatMap((path) =>
    typeof path === "string" ? (read(path) ?? "").split(/\r?\n/) : [],
  );
  const pairs = [
    ...textsIn(item.files).map((file): [string, string | undefined] => {
      const [, key, path = file] = /^([^=]+)=(.+)$/s.exec(file) ?? [];
      return [key ?? path.replace(/^.*\//, ""), read(path)];
    }),
    ...lines.filter((line) => !/^\s*(#|$)/.test(line)).map((line) => pairOf(line.trim())),
    // kustomize takes quotes off the value of a literal.
    ...textsIn(item.literals).map((literal): [string, string] => {
      const [key, value] = pairOf(literal);
      return [key, value.replace(/^(["'])(.*)\1$/s, "$2")];
    }),
  ];
  return Object.fromEntries(pairs.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

function pairOf(text: string): [string, string] {
  const [, key = text, value = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  return [key, value];
}

/** The ConfigMap or Secret of one item; its name has no hash, as references to it have none. */
export function generatedMap(
  kind: "ConfigMap" | "Secret",
  item: Values,
  data: Readonly<Record<string, string>>,
): Values {
  const { name, namespace } = item;
  return {
    apiVersion: "v1",
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    ...(kind === "Secret" ? { stringData: { ...data } } : { data: { ...data } }),
  };
}

/** `behavior: merge` or `replace`: the standing map with the entries of the generated one. */
export function changedMap(standing: Values, generated: Values, behavior: "merge" | "replace"): Values {
  const keys = standing.kind === "Secret" ? (["data", "stringData"] as const) : (["data"] as const);
  const changed: Values = { ...standing };
  for (const key of keys) {
    const own = behavior === "merge" && isMapping(standing[key]) ? standing[key] : {};
    const added = isMapping(generated[key]) ? generated[key] : {};
    const entries = { ...own, ...added };
    if (Object.keys(entries).length > 0) changed[key] = entries;
    else delete changed[key];
  }
  return changed;
}
