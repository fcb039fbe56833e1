import { basename } from "node:path";
import { refusal, type Skipped, shown } from "./intake.ts";
import { configCommand, placeOf } from "./layout.ts";

/** The files of one sysdump or bugtool archive; agents by their pod, which is empty in a bugtool archive. */
export interface Dump {
  readonly source: string;
  readonly paths: string[];
  readonly files: Map<string, string>;
  readonly agents: Map<string, Map<string, string>>;
  /** By the same names. */
  readonly skipped: Map<string, Skipped & { readonly pod?: string }>;
}

/** Sorts the files of an archive by the dump and the agent that they are of. */
export function dumpsIn(
  path: string,
  files: ReadonlyMap<string, string>,
  skipped: readonly Skipped[],
): Map<string, Dump> {
  const dumps = new Map<string, Dump>();
  const dumpOf = (root: string): Dump => {
    const existing = dumps.get(root);
    if (existing !== undefined) return existing;
    const source = shown(basename(path));
    const made: Dump = { source, paths: [], files: new Map(), agents: new Map(), skipped: new Map() };
    dumps.set(root, made);
    return made;
  };
  for (const [full, text] of files) {
    const { root, pod, name } = placeOf(full);
    const dump = dumpOf(root);
    dump.paths.push(full);
    const into = pod === undefined ? dump.files : (dump.agents.get(pod) ?? new Map<string, string>());
    if (pod !== undefined) dump.agents.set(pod, into);
    if (into.has(name))
      throw refusal(path, `it holds two dumps in one folder: ${shown(name)} occurs with two times`);
    // As some programs of Windows unpack it; a key of a kvstore would end with the return.
    into.set(name, text.includes("\r\n") ? text.replaceAll("\r\n", "\n") : text);
  }
  for (const part of skipped) {
    const { root, pod, name } = placeOf(part.name);
    // "The rest of the archive" is of every dump in it.
    const owners = part.name.includes("/") || dumps.size === 0 ? [dumpOf(root)] : [...dumps.values()];
    for (const owner of owners)
      owner.skipped.set(`${pod ?? ""}/${name}`, { ...part, ...(pod === undefined ? {} : { pod }) });
  }
  return dumps;
}

/** By its name without the time. */
export const isOfSysdump = (name: string): boolean =>
  /^(cilium-configmap|k8s-pods|k8s-nodes)\.yaml$/.test(name);

/** Other folders of an archive may hold files with names like Cilium's. */
export function isDump({ files, skipped, agents }: Dump): boolean {
  const names = [...files.keys(), ...[...skipped.keys()].map((k) => k.replace(/^.*\//, ""))];
  return (
    names.some(isOfSysdump) ||
    [...agents.values()].some((output) => configCommand.some((name) => output.has(name)))
  );
}
