import { isMapping } from "#harness/lib/value-at.ts";
import { namesOf } from "../file-names.ts";
import { isOfOneCluster, type SourceFile } from "../part.ts";
import { isList } from "../text-forms.ts";

type Values = Record<string, unknown>;

/** An object of the source, and where it is. */
export interface Held {
  readonly file: SourceFile;
  readonly value: Values;
  /** Its folder, and those of the kustomizations that made it: without links, divided into names. */
  readonly folders: readonly (readonly string[])[];
}

/** All objects, those in lists too. */
export const heldIn = (files: readonly SourceFile[]): Held[] =>
  files.flatMap((file) => {
    const folders = [file.path, ...(file.unit ?? [])].map((path) => namesOf(path).slice(0, -1));
    return file.documents.flatMap((d) => objectsIn(d.value).map((value): Held => ({ file, value, folders })));
  });

const objectsIn = (value: unknown): Values[] => (isList(value) ? value.items : [value]).filter(isMapping);

/** Whether an object is the one that another names; a namespace that is not given is any. */
export const isNamed =
  ({ value: by }: Held, { kind, name, namespace }: Values) =>
  ({ value }: Held): boolean => {
    const [own, other] = [namespace ?? namespaceOf(by), namespaceOf(value)];
    const isOfOne = own === undefined || other === undefined || own === other;
    return value.kind === kind && isMapping(value.metadata) && value.metadata.name === name && isOfOne;
  };

const namespaceOf = ({ metadata }: Values): unknown => (isMapping(metadata) ? metadata.namespace : undefined);

/**
 * The object of the same kustomization as the one that names it, else of its file, else of the folder that is nearest;
 * several if those differ. An object that is nearer to a rival is of that one's cluster.
 */
export function nearest(by: Held, named: readonly Held[], rivals: readonly Held[]): Held[] {
  const own = named.filter(
    (n) =>
      isOfOneCluster(by.file, n.file) &&
      !rivals.some((r) => isOfOneCluster(r.file, n.file) && nearness(r, n) > nearness(by, n)),
  );
  const most = Math.max(...own.map((n) => nearness(by, n)));
  const best = own.filter((n) => nearness(by, n) === most);
  return best.filter(
    (n, i) => best.findIndex((b) => JSON.stringify(b.value) === JSON.stringify(n.value)) === i,
  );
}

/** Larger is nearer: kustomizations around both, then being in one file, then folders around both. */
function nearness(a: Held, b: Held): number {
  const shared = (x: readonly string[], y: readonly string[]): number => {
    const end = x.findIndex((item, i) => item !== y[i]);
    return end === -1 ? x.length : end;
  };
  const units = shared(a.file.unit ?? [], b.file.unit ?? []);
  const folders = Math.max(...a.folders.flatMap((x) => b.folders.map((y) => shared(x, y))));
  return units * 1e6 + (a.file.path === b.file.path ? 1e5 : 0) + folders;
}
