import { isAtLeast } from "#harness/lib/version.ts";

/** cilium-config, and the version of the agents where it is known. */
interface FilterSettings {
  readonly settings: Readonly<Record<string, string | undefined>>;
  readonly version?: string | undefined;
}

interface Pattern {
  /** Empty: of any source. */
  readonly source: string;
  readonly ignores: boolean;
  readonly expression: RegExp;
}

/** The patterns to which those of the setting are added (`defaultLabelPrefixCfg`, pkg/labelsfilter/filter.go@1.20.2). */
const byDefault = String.raw`
reserved:.* io\.kubernetes\.pod\.namespace io\.cilium\.k8s\.namespace\.labels app\.kubernetes\.io
io\.cilium\.k8s\.policy\.cluster io\.cilium\.k8s\.policy\.serviceaccount !io\.kubernetes !kubernetes\.io
!statefulset\.kubernetes\.io/pod-name !apps\.kubernetes\.io/pod-index !batch\.kubernetes\.io/job-completion-index
!batch\.kubernetes\.io/controller-uid !.*beta\.kubernetes\.io !k8s\.io !pod-template-generation !pod-template-hash
!controller-revision-hash !controller-uid !annotation.* !etcd_node
`;
/** In 1.18.11, 1.19.1 and later; not yet in 1.18.6. Releases in between were not read, and count as those before. */
const fromEighteenEleven = String.raw`!topology\.kubernetes\.io`;

/** What Go's regular expressions have and JavaScript's read otherwise, and what may take JavaScript's long. */
const notRead = /\[\[:|\\[QEAzZaCpP]|\(\?(?!:)|[+*}][^()]*\)[+*{]/;

/**
 * Tells whether a label of a pod, by its key, is a part of the pod's identity: the longest inclusive match must be longer
 * than the shortest exclusive one, and without an inclusive pattern in the setting, every label that no exclusive one
 * matches is kept (`filterLabels` and `ParseLabelPrefixCfg`, pkg/labelsfilter/filter.go@1.20.2;
 * Documentation/operations/performance/scalability/identity-relevant-labels.rst@1.20.2). Undefined where that is not known.
 */
export function labelFilter({ settings, version }: FilterSettings): ((key: string) => boolean) | undefined {
  // A file in the agents' pods takes the place of the default patterns.
  if ((settings["label-prefix-file"] ?? "") !== "") return undefined;
  const given = wordsIn(settings.labels ?? "").map(patternOf);
  const own = given.filter((p) => p !== undefined);
  // Agents refuse to start with a pattern that is none.
  if (own.length < given.length) return undefined;
  const defaults = wordsIn(
    `${byDefault} ${isAtLeast(version ?? "1.19", "1.18.11") ? fromEighteenEleven : ""}`,
  )
    .map(patternOf)
    .filter((p) => p !== undefined);
  const patterns = [...defaults, ...own];
  const isInclusive = own.some((p) => !p.ignores);
  return (key) => {
    const lengths = (ignores: boolean): number[] =>
      patterns.filter((p) => p.ignores === ignores).flatMap((p) => lengthOf(p, key) ?? []);
    const included = Math.max(0, ...lengths(false));
    // A match of nothing does not count.
    const ignored = lengths(true).filter((n) => n > 0);
    const least = ignored.length === 0 ? 0 : Math.min(...ignored);
    return (!isInclusive && least === 0) || included > least;
  };
}

/** Of one text, viper makes a list by its white space. */
const wordsIn = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

function patternOf(text: string): Pattern | undefined {
  const colon = text.indexOf(":");
  const rest = text.slice(colon + 1);
  const ignores = rest.startsWith("!");
  const expression = ignores ? rest.slice(1) : rest;
  if (rest === "" || notRead.test(expression)) return undefined;
  try {
    return { source: text.slice(0, Math.max(0, colon)), ignores, expression: new RegExp(expression) };
  } catch {
    return undefined;
  }
}

/** How much of a key the pattern's first match takes; undefined if that does not begin with the key. */
function lengthOf({ source, expression }: Pattern, key: string): number | undefined {
  if (source !== "" && source !== "k8s") return undefined;
  const found = expression.exec(key);
  return found?.index === 0 ? found[0].length : undefined;
}
