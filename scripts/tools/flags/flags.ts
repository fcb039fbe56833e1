/** One release: the reference of each program's command line, the Go sources, and the template of cilium-config. */
export interface ReleaseFiles {
  readonly version: string;
  /** Program to the text of its pages in Documentation/cmdref. */
  readonly reference: Readonly<Record<string, string>>;
  readonly sources: string;
  readonly configMap: string;
}

/** In the table: a release without the flag, one of which no page names it, and a key that only the chart's scripts read. */
const [absent, hidden, chart] = ["-", "hidden", "chart"];

/** The table of harness/semantics/flags.json, of releases in ascending order. */
export function flagTable(releases: readonly ReleaseFiles[]): Record<string, string> {
  const read = releases.map((release) => ({ ...release, ...flagsOf(release) }));
  const flags = new Set(read.flatMap((r) => [...r.documented.keys(), ...r.hidden]));
  const keys = new Set(read.flatMap((r) => [...r.keys]));
  const table: Record<string, string> = {};
  for (const name of [...flags.union(keys)].sort()) {
    const lives = read.map(
      (r) => [r.version, flags.has(name) ? programsWith(name, r) : keyOf(name, r)] as const,
    );
    const changes = lives.filter(([, programs], i) => programs !== lives[i - 1]?.[1]);
    table[name] = changes.map(([version, is], i) => (i === 0 ? is : `${version} ${is}`)).join("; ");
  }
  return table;
}

interface Flags {
  readonly documented: ReadonlyMap<string, readonly string[]>;
  /** Of some program. */
  readonly hidden: ReadonlySet<string>;
  /** Every text of the sources: what reads a setting names it. */
  readonly texts: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
}

function flagsOf({ reference, sources, configMap }: ReleaseFiles): Flags {
  const documented = new Map<string, string[]>();
  for (const [program, text] of Object.entries(reference))
    for (const [, flag = ""] of text.matchAll(/^ +(?:-\w, +)?--([\w.-]+)/gm))
      if (documented.get(flag)?.includes(program) !== true)
        documented.set(flag, [...(documented.get(flag) ?? []), program]);
  const [, data = ""] = /^data:\n([\s\S]*?)(?:^[a-z-]|$(?![\s\S]))/m.exec(configMap) ?? [];
  return {
    documented,
    hidden: hiddenIn(sources),
    texts: new Set(Array.from(sources.matchAll(/"([\w.-]{2,80})"/g), ([, text = ""]) => text)),
    keys: new Set(Array.from(data.matchAll(/^ {2}([a-z][\w.-]+):/gm), ([, key = ""]) => key)),
  };
}

/** Flags that no reference names, by their text or by the constant that holds it. */
function hiddenIn(sources: string): Set<string> {
  const constants = new Map<string, string[]>();
  for (const [, name = "", text = ""] of sources.matchAll(
    /^\s*(?:const\s+)?(\w+)(?:\s+string)?\s*=\s*"([\w.-]+)"/gm,
  ))
    constants.set(name, [...(constants.get(name) ?? []), text]);
  const marked = Array.from(
    sources.matchAll(/Mark(?:Hidden|Deprecated)\(\s*("[^"]+"|[\w.]+)/g),
    ([, of = ""]) => of,
  );
  return new Set(
    marked.flatMap((of) =>
      of.startsWith('"') ? [of.slice(1, -1)] : (constants.get(of.split(".").at(-1) ?? "") ?? []),
    ),
  );
}

function programsWith(name: string, { documented, hidden: of, texts }: Flags): string {
  const programs = documented.get(name) ?? [];
  const isHidden = of.has(name) || (programs.length === 0 && texts.has(name));
  return [...programs, ...(isHidden ? [hidden] : [])].join("|") || absent;
}

const keyOf = (name: string, { keys }: Flags): string => (keys.has(name) ? chart : absent);
