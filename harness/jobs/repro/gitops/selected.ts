import { isMapping } from "#harness/lib/value-at.ts";
import { groupOf } from "../unwrap.ts";

type Values = Record<string, unknown>;

/** Parts of a selector that are compared as regular expressions of the whole text, as kustomize does. */
const patterns = ["group", "version", "kind", "name", "namespace"] as const;
const maps = { labelSelector: "labels", annotationSelector: "annotations" } as const;

/** The objects that a selector of kustomize names, or why it is not known which. */
export function selected<T extends { readonly value: Values }>(
  selector: Values,
  objects: readonly T[],
): readonly T[] | string {
  const tests: ((object: Values) => boolean)[] = [];
  for (const key of patterns) {
    const wanted = selector[key];
    if (typeof wanted !== "string" || wanted === "") continue;
    // Others take a time that grows with the length of the names, or need another engine.
    if (!/^([\w.*|-]|\[\.\])+$/.test(wanted) || /(?<!\.)\*/.test(wanted) || wanted.split("*").length > 4)
      return `its target's ${key} is the regular expression ${wanted}`;
    const whole = new RegExp(`^(?:${wanted})$`);
    tests.push((object) => whole.test(textsOf(object)[key]));
  }
  for (const [key, of] of Object.entries(maps)) {
    const wanted = selector[key];
    if (typeof wanted !== "string" || wanted === "") continue;
    for (const term of wanted.split(",")) {
      const [, not, name = "", op, value] =
        /^\s*(!?)([\w./-]+)\s*(?:(==|=|!=)\s*([\w.-]*)\s*)?$/.exec(term) ?? [];
      if (name === "" || (not === "!" && op !== undefined)) return `its target's ${key} is ${wanted}`;
      tests.push((object) => {
        const metadata = isMapping(object.metadata) ? object.metadata : {};
        const has = isMapping(metadata[of]) ? metadata[of][name] : undefined;
        if (op === undefined) return (has !== undefined) === (not !== "!");
        return op === "!=" ? has !== value : has === value;
      });
    }
  }
  return objects.filter(({ value }) => tests.every((test) => test(value)));
}

function textsOf(object: Values): Readonly<Record<(typeof patterns)[number], string>> {
  const metadata = isMapping(object.metadata) ? object.metadata : {};
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return {
    group: groupOf(object.apiVersion),
    version: text(object.apiVersion).replace(/^.*\//, ""),
    kind: text(object.kind),
    name: text(metadata.name),
    namespace: text(metadata.namespace),
  };
}

/** Whether a patch without a target, which names its object itself, is of an object. */
export function isSameObject(patch: Values, object: Values): boolean {
  const [a, b] = [textsOf(patch), textsOf(object)];
  const isNear = a.namespace === "" || b.namespace === "" || a.namespace === b.namespace;
  return isNear && (["group", "version", "kind", "name"] as const).every((key) => a[key] === b[key]);
}
