import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { type ExampleEntry, entriesOf, exampleDump } from "#harness/evidence/sysdump/examples.ts";
import { textOfOthers } from "#harness/lib/visible-examples.ts";

/** What an archive may do to its reader. */
export interface Change {
  /** One of `changes`. */
  readonly kind: string;
  /** Selects the entry. */
  readonly pick: number;
  /** Selects a variant. */
  readonly variant: number;
  readonly text: string;
}

export interface Case {
  readonly container: "zip" | "tar" | "tar.gz" | "folder";
  readonly tool: "cilium" | "cilium-dbg";
  readonly changes: readonly Change[];
  /** Done to the bytes of the archive; a folder has none. */
  readonly damage: { readonly kind: "none" | "truncated" | "flipped"; readonly at: number };
}

/** `refused`: the archive is not read at all; `reported`: something is not read; `any`: what it says may be valid. */
export type Expectation = "refused" | "reported" | "any";

type Apply = (entries: ExampleEntry[], at: number, change: Change) => ExampleEntry[];
const replace =
  (by: (entry: ExampleEntry, change: Change) => Partial<ExampleEntry>): Apply =>
  (entries, at, change) =>
    entries.map((e, i) => (i === at ? { ...e, ...by(e, change) } : e));
const add =
  (make: (entry: ExampleEntry, change: Change) => ExampleEntry): Apply =>
  (entries, at, change) => [...entries, ...entries.slice(at, at + 1).map((e) => make(e, change))];
const content = (text: string): Partial<ExampleEntry> => ({ content: Buffer.from(text) });
const choose = <T>(from: readonly T[], { variant }: Change): T => from[variant % from.length] as T;

const outside = ["../x", "/etc/x", "d/../../x", "a\\..\\x", "C:/x", "d/x\0y"];
const regularExpressions = ["(a+)+$", "[", "\\", "*", ".*", "$&", "(?<x>", "a{1,99999}", "^(([a-z])+.)+$"];
const specialNames = ["__proto__", "constructor", "toString", "hasOwnProperty"];
const tokens = ["n1", "cilium-aaaaa", "kube-system", "c1", "k8s-app", "172.19.0.1", "10.1.1.0/24", "cilium"];
const mebibyte = 1024 ** 2;

const yamlBombs: readonly (() => string)[] = [
  () => "[".repeat(20_000),
  () => `a: ${"{a: ".repeat(5000)}`,
  () => "- ".repeat(20_000),
  () => Array.from({ length: 1500 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
  () => "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nitems: *b\n",
  () => `items:\n- ${"x".repeat(mebibyte)}\n`,
  () =>
    `items:\n- metadata:\n    name: x\n${Array.from({ length: 5000 }, (_, i) => `    k${i}: v\n`).join("")}`,
  () => "items: null\n",
  () => "items: 5\n",
  () => "metadata: []\n",
  () => "items:\n- metadata:\n    name: 7\n",
  () => "items:\n- metadata:\n    name: x\n  spec: []\n  status: 3\n",
  () => "items:\n- null\n",
  () => "!!js/function 'x'\n",
  () => "%YAML 9.9\n---\n",
  () => "\u0000\u0001",
];
const outputBombs: readonly (() => string)[] = [
  () => "[".repeat(50_000),
  () => "[null]",
  () => "[{}]",
  () => '{"__proto__":{"x":1},"local":{"name":"a/b"},"nodes":null}',
  () => `IP PREFIX/ADDRESS   IDENTITY\n__proto__ identity=1\na${" ".repeat(8000)}b\n`,
  () => `SERVICE ADDRESS   BACKEND ADDRESS\n${"10.0.0.1:1/TCP (0)   x\n".repeat(20_000)}`,
  () => `ID       LABELS\n1${" ".repeat(8000)}\n`,
  () => `ClusterMesh: 1/1\n   ${"a".repeat(8000)}: ready\n   └  ${"a=".repeat(4000)}\n`,
  () => `Cilium: Ok\nController Status: 1/1\n\n  ${"a  ".repeat(2500)}\n`,
  () => "Error: cannot connect\n> Error while running 'cilium-dbg x':  exit status 1\n\n",
  () => `# x\n\n\`\`\`\n${"`".repeat(5000)}\n`,
];
const logBombs: readonly (() => string)[] = [
  () => "x".repeat(2 * mebibyte),
  () => `${'msg="'.repeat(2000)} clusterName=c2\n`,
  () =>
    'level=info msg="Connection to remote cluster failed" clusterName=\u001b[31m error="\u001b]0;x\u0007"\n'.repeat(
      50,
    ),
  () => '{"msg":"Connection to remote cluster failed","clusterName":"__proto__","error":{"a":1}}\n',
  () => `{"clusterName":${"[".repeat(4000)}}\n`,
];

/** Zeros deflate to a thousandth. */
const bombs = new Map<number, Buffer>();
function zeros(size: number): Buffer {
  const known = bombs.get(size);
  if (known !== undefined) return known;
  const made = deflateRawSync(Buffer.alloc(size), { level: 9 });
  bombs.set(size, made);
  return made;
}

const changes: Readonly<Record<string, Apply>> = {
  outside: add((e, c) => ({ ...e, name: choose(outside, c) })),
  link: add((e, c) => ({ ...e, name: `${e.name}${c.variant % 2 === 0 ? "" : ".link"}`, type: "link" })),
  device: add((e) => ({ ...e, name: `${e.name}.device`, type: "device" })),
  twice: add((e) => e),
  deep: add((e) => ({ ...e, name: `${"a/".repeat(40)}${e.name}` })),
  long: add((e) => ({ ...e, name: `d/${"a".repeat(5000)}` })),
  dropped: (entries, at) => entries.filter((_, i) => i !== at),
  empty: replace(() => content("")),
  garbage: replace((_, c) => content(`\u0000${c.text}`)),
  bomb: replace((_, c) => {
    const size = choose([1, 4, 80], c) * mebibyte;
    return { content: zeros(size), deflated: size, ...(c.variant % 2 === 0 ? {} : { declared: 100 }) };
  }),
  falseSize: replace((_, c) => ({ declared: choose([0, 1, 77, 2 ** 31, 2 ** 32 - 2], c) })),
  yaml: replace((_, c) => content(choose(yamlBombs, c)())),
  output: replace((_, c) => content(choose(outputBombs, c)())),
  log: replace((_, c) => content(choose(logBombs, c)())),
  /** Texts of others in the place of a name, in one file or in all. */
  name: (entries, at, c) => {
    const by = choose([c.text, ...regularExpressions, ...specialNames, c.text.repeat(100)], c);
    const token = choose(tokens, { ...c, variant: c.pick });
    return entries.map((e, i) =>
      c.variant % 3 !== 0 && i !== at
        ? e
        : { ...e, ...content(e.content.toString("utf8").replaceAll(token, () => by)) },
    );
  },
  folder: (entries, _, c) =>
    entries.map((e) => ({
      ...e,
      name: e.name.replace(/^d\//, () => `${c.text.replaceAll(/[/\\\0]/g, "")}/`),
    })),
  foreign: add((e, c) => ({ ...e, name: `d/${c.text.replaceAll(/[/\\\0]/g, "").slice(0, 60)}.txt` })),
};

const refusedKinds: ReadonlySet<string> = new Set(["outside", "link", "device", "twice", "deep", "long"]);
/** Of these the rest is read. */
const reportedKinds: ReadonlySet<string> = new Set(["bomb", "falseSize"]);

export function expectationOf({ container, changes: all, damage }: Case): Expectation {
  const [only] = all;
  // Each alone; several may cancel each other out, such as a link in a file that was dropped.
  if (all.length !== 1 || only === undefined || damage.kind !== "none") return "any";
  // A file system has no such names, and in a tar a name ends at a zero byte.
  const isPossible = container === "zip" || (container !== "folder" && !choose(outside, only).includes("\0"));
  if (refusedKinds.has(only.kind)) return isPossible ? "refused" : "any";
  return reportedKinds.has(only.kind) && container === "zip" ? "reported" : "any";
}

const examples = {
  cilium: entriesOf(exampleDump({ tool: "cilium" })),
  "cilium-dbg": entriesOf(exampleDump({ tool: "cilium-dbg" })),
};

export function entriesOfCase({ changes: all, tool }: Case): ExampleEntry[] {
  return all.reduce<ExampleEntry[]>(
    (entries, one) =>
      (entries.length > 0 && changes[one.kind]?.(entries, one.pick % entries.length, one)) || entries,
    examples[tool],
  );
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(...Object.keys(changes)),
  pick: fc.nat({ max: 1000 }),
  variant: fc.nat({ max: 1000 }),
  text: textOfOthers,
});

export const anyCase: fc.Arbitrary<Case> = fc.record({
  container: fc.constantFrom("zip", "tar", "tar.gz", "folder"),
  tool: fc.constantFrom("cilium", "cilium-dbg"),
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
  damage: fc.record({
    kind: fc.constantFrom("none", "none", "none", "truncated", "flipped"),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
});
