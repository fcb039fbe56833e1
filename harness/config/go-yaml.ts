// Scalars and merge keys as Helm and kubectl read them: with go.yaml.in/yaml/v2, by way of sigs.k8s.io/yaml. That is
// neither YAML 1.1 (no sexagesimal numbers, and timestamps stay texts) nor 1.2 (resolve.go and decode.go of v2.4.3).
import { isAlias, isMap, isSeq, Scalar, type ScalarTag, type Tags } from "yaml";

const core = "tag:yaml.org,2002:";
const isTrue = /^(?:[yY]|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;

const bool: ScalarTag = {
  tag: `${core}bool`,
  default: true,
  identify: (value) => typeof value === "boolean",
  test: /^(?:[yYnN]|yes|Yes|YES|true|True|TRUE|on|On|ON|no|No|NO|false|False|FALSE|off|Off|OFF)$/,
  resolve: (text) => isTrue.test(text),
};

const decimal = /^(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const prefixed = /^0(?:[bB][01]+|[oO][0-7]+|[xX][\da-fA-F]+)$/;
const bits64 = 2 ** 64;

/** Without its sign; undefined for a text. What has no place in 64 bits is a decimal number, else a text. */
function unsigned(digits: string): number | undefined {
  const octal = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : bits64;
  if (octal < bits64) return octal;
  if (prefixed.test(digits)) return Number(digits) < bits64 ? Number(digits) : undefined;
  return decimal.test(digits) ? Number(digits) : undefined;
}

/** The number that a plain scalar is, or the scalar itself: `010` is 8, `09` is 9, `1_000` is 1000, `12:30` a text. */
function numberOrText(text: string): number | string {
  if (/^\.(?:nan|NaN|NAN)$/.test(text)) return Number.NaN;
  const isNegative = text.startsWith("-");
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text))
    return isNegative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  // Go takes no underscores out of a number that begins with its point.
  const plain = text.startsWith(".") ? text : text.replaceAll("_", "");
  const found = unsigned(plain.replace(/^[-+]/, ""));
  if (found === undefined) return text;
  return isNegative ? 0 - found : found;
}

const number = (name: "int" | "float"): ScalarTag => ({
  tag: `${core}${name}`,
  default: true,
  identify: (value) => typeof value === "number",
  test: /^[-+.\d]/,
  resolve: numberOrText,
});

type AddToMap = NonNullable<Scalar["addToJSMap"]>;

/** In v2 a merge key takes the place of the keys before it, and those behind it take its place. */
const mergeInto: AddToMap = (ctx, map, value) => {
  const resolved = (node: unknown): unknown =>
    isAlias(node) && ctx !== undefined ? node.resolve(ctx.doc, ctx) : node;
  const given = resolved(value);
  // Of a list, the first counts most.
  const sources = isSeq(given) ? given.items.map(resolved).toReversed() : [given];
  for (const source of sources) {
    if (!isMap(source)) throw new Error("Merge sources must be maps or map aliases");
    const merged = source.toJSON(null, ctx) as Readonly<Record<string, unknown>>;
    for (const [key, item] of Object.entries(merged))
      if (map instanceof Set) map.add(key);
      else if (map instanceof Map) map.set(key, item);
      else
        Object.defineProperty(map, key, {
          value: item,
          writable: true,
          enumerable: true,
          configurable: true,
        });
  }
};

const merge: ScalarTag = {
  tag: `${core}merge`,
  default: "key",
  test: /^<<$/,
  resolve: () => Object.assign(new Scalar("<<"), { addToJSMap: mergeInto }),
};

const kept: ReadonlySet<string> = new Set(["map", "seq", "str", "null"].map((name) => core + name));

/** For the option `customTags` of `yaml`: its own tags of mappings, lists, texts and null, and those of go-yaml v2. */
export const goYamlTags = (tags: Tags): Tags => [
  ...tags.filter((tag) => typeof tag !== "string" && kept.has(tag.tag)),
  bool,
  number("int"),
  number("float"),
  merge,
];
