import { basename, dirname, extname } from "node:path";
import { mergeValues } from "#harness/config/plan.ts";
import { readUserFile } from "#harness/config/user-file.ts";
import { type YamlDocument, yamlObjectsOf } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import type { Charts } from "./charts.ts";
import { networksOf } from "./cluster-networks.ts";
import { applicationsOf } from "./gitops/application-set.ts";
import { fleetTargets } from "./gitops/fleet.ts";
import { isKustomizationName } from "./gitops/kustomization.ts";
import { hasInstallCommand, installCommands } from "./install-commands.ts";
import { objectPiece } from "./object-piece.ts";
import { type Networking, notApplied, notRead, type Part, type Piece, type SourceFile } from "./part.ts";
import { nested, setKeys } from "./set-values.ts";
import { helmRelease, isEmptyList, isHelmRelease, talosCluster } from "./text-forms.ts";
import { foreignKeys, looksLikeValues, unwrapped, valuesPlaces } from "./unwrap.ts";
import { isPlaceholder } from "./values-at.ts";
import type { ReadLayers, ValuesFiles } from "./values-files.ts";

type Values = Record<string, unknown>;

/** Reads a text file of the source. `cluster`: of `NAME=FILE`. Nothing in it is executed. */
export function sourceFile(path: string, cluster: string | undefined): SourceFile {
  if (/\.tf(\.json)?$/i.test(path))
    throw new MeshproofError("usage", `${path} is Terraform code, which is not executed`, {
      remedy: "give what `helm get values` prints, or the values of the helm_release as a file of their own",
    });
  const text = readUserFile(path, "a file of the mesh");
  if (/^(gnu)?makefile$|^justfile$|\.(mk|just)$/i.test(basename(path)) && hasInstallCommand(text))
    throw new MeshproofError(
      "usage",
      `${path} is a Makefile or a justfile, whose variables are not expanded`,
      {
        remedy: `give the commands as a script: what \`make -n TARGET\` (\`just -n\`) prints`,
      },
    );
  const isOther = isHelmRelease(text) || (!isYaml(path) && hasInstallCommand(text));
  return { path, cluster, order: 0, text, documents: isOther ? [] : yamlObjectsOf(text, path), notes: [] };
}

const isYaml = (path: string): boolean =>
  [".yaml", ".yml", ".json"].includes(extname(path).toLowerCase()) || isKustomizationName(path);

/** What a file of values, objects or commands says, divided by clusters. It takes the files that it names. */
export function partsOf(file: SourceFile, { others, charts }: Around): Part[] {
  const { path, cluster, below, unit } = file;
  const reading: Reading = { path, charts, layers: others.of(file), take: (files) => others.take(files) };
  const parts = byCluster(piecesOf(file, reading), path, cluster);
  return parts.map((p, i) => ({
    ...p,
    ...present({ below, unit }),
    notes: i === 0 ? [...file.notes, ...p.notes] : p.notes,
    source: path,
    sysdump: false,
  }));
}

/** What else is in the source. */
export interface Around {
  readonly others: ValuesFiles;
  readonly charts: Charts;
}

/** A file that is being read. */
interface Reading {
  readonly path: string;
  readonly charts: Charts;
  readonly layers: ReadLayers;
  readonly take: (files: readonly SourceFile[]) => void;
}

function piecesOf({ path, text, documents, notes }: SourceFile, reading: Reading): Piece[] {
  const release = text === undefined ? undefined : helmRelease(text, path);
  if (release !== undefined) return fromRelease(release, reading);
  if (text !== undefined && !isYaml(path) && hasInstallCommand(text)) return fromCommands(text, reading);
  const pieces = documents.flatMap((d) => pieceOf(d, reading));
  // Of documents that belong elsewhere, nothing may be left.
  if (pieces.length > 0 || text === undefined || notes.length > 0) return pieces;
  const texts = documents.map((d) => d.value).filter((v) => typeof v === "string");
  const config = isYaml(path) ? undefined : configView(text);
  if (config !== undefined) return [{ cluster: config["cluster-name"], config, objects: [], notes: [] }];
  if (texts.length > 0 && texts.every(hasInstallCommand))
    return texts.flatMap((t) => fromCommands(t, reading));
  throw new MeshproofError("usage", `${path} contains neither Helm values nor Kubernetes objects`, {
    remedy: "give output of `helm get values` or `kubectl get -o yaml`",
  });
}

/** The values and the objects of one release are of one cluster. */
function fromRelease(
  { values, manifest, version }: NonNullable<ReturnType<typeof helmRelease>>,
  reading: Reading,
): Piece[] {
  return joined([
    {
      cluster: clusterIn(values),
      values,
      objects: [],
      notes: [],
      ...(version === undefined ? {} : { version }),
    },
    ...manifest.flatMap((d) => pieceOf(d, reading)),
  ]);
}

/** What `cilium config view` prints: a setting of cilium-config each line, in columns. */
function configView(text: string): Record<string, string> | undefined {
  const rows = text.split(/\r?\n/).flatMap((line) => {
    const [, key, value] = /^([a-z0-9][a-z0-9._-]*)\s+(\S.*?)\s*$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [[key, value] as const];
  });
  const config = Object.fromEntries(rows);
  return config["cluster-name"] === undefined ? undefined : config;
}

function fromCommands(text: string, { path, layers, take }: Reading): Piece[] {
  return installCommands(text, path, layers).map((command): Piece => {
    const { values, version, files, missing, unknown, unread, line } = command;
    take(files);
    return {
      cluster: clusterIn(values),
      values,
      objects: [],
      notes: [
        ...(missing.length === 0 ? [] : [notRead(`${path}, line ${line}: ${missing.join("; ")}`)]),
        ...(unknown.length === 0 ? [] : [notKnown(`${path}, line ${line}: ${unknown.join(" ")}`)]),
        ...(unread.length === 0
          ? []
          : [
              {
                ...notKnown(`${path}, line ${line}: ${unread.join(" ")}`),
                inLab: "not read: it may change values",
              },
            ]),
      ],
      ...(version === undefined ? {} : { version }),
    };
  });
}

const emptyList = (path: string): Note => ({
  field: "empty list",
  inSource: `${path} holds an empty list`,
  inLab: "nothing",
  matters: "no",
  part: "other",
});

const notKnown = (what: string): Note => ({
  field: "arguments of a command",
  inSource: what,
  inLab: "not known: a variable that the script does not set to a plain word",
  matters: "perhaps",
  part: "other",
});

function clusterIn(values: Values): string | undefined {
  const name = isMapping(values.cluster) ? values.cluster.name : undefined;
  if (isPlaceholder(name) || (typeof name !== "string" && typeof name !== "number")) return undefined;
  return String(name) === "" ? undefined : String(name);
}

function pieceOf({ value, repeatedKeys }: YamlDocument, reading: Reading): Piece[] {
  const repeated: Note[] = repeatedKeys.map((key) => ({
    field: `key ${key}`,
    inSource: `twice in one mapping of ${reading.path}`,
    inLab: "the last one, as in Helm and kubectl",
    matters: "yes",
    part: "source",
  }));
  const [first, ...rest] = documentPieces(value, reading);
  return first === undefined ? [] : [{ ...first, notes: [...repeated, ...first.notes] }, ...rest];
}

function documentPieces(value: unknown, reading: Reading): Piece[] {
  const { path } = reading;
  if (Array.isArray(value)) return value.flatMap((v) => documentPieces(requireMapping(v, path), reading));
  if (!isMapping(value)) return [];
  const { "COMPUTED VALUES": _a, "USER-SUPPLIED VALUES": _b, ...document } = value;
  if (isEmptyList(document)) return [{ cluster: undefined, objects: [], notes: [emptyList(path)] }];
  if (Array.isArray(document.items) && (document.kind === undefined || /List$/.test(String(document.kind))))
    return joined(
      document.items.flatMap((o) => documentPieces(withKind(requireMapping(o, path), document), reading)),
    );
  const talos = talosCluster(document, path);
  if (talos !== undefined)
    return joined([
      { cluster: undefined, objects: [], notes: [], networking: talos.networking },
      ...talos.documents.flatMap((d) => pieceOf(d, reading)),
    ]);
  const networks = networksOf(document, path);
  const ofTargets = targetPieces(document, reading);
  const found = ofTargets.length > 0 ? ofTargets : releasePieces(document, reading);
  if (found.length > 0)
    return found.map((f) => ({ ...f, ...networks, notes: [...f.notes, ...(networks?.notes ?? [])] }));
  if (networks !== undefined) return [{ cluster: undefined, objects: [], ...networks }];
  if (document.kind !== undefined || isMapping(document.metadata)) return [objectPiece(document, path)];
  return valuePieces(document, reading);
}

/** A file of a tool has no kind and no name. */
const inFile = (of: string, path: string): string => (of === "" ? `in ${path}` : `of ${of} in ${path}`);

/** The values within one object or file of a kind that keeps them. */
function releasePieces(document: Values, { path, charts, layers, take }: Reading): Piece[] {
  return unwrapped(document, path, layers).map((u) => {
    take(u.files);
    return {
      cluster: clusterIn(u.values),
      values: u.values,
      objects: [],
      notes: [
        ...(u.elsewhere.length === 0 ? [] : [notRead(`${u.elsewhere.join(", ")} ${inFile(u.of, path)}`)]),
        ...u.changes.map((place) =>
          notApplied(
            `${place} ${inFile(u.of, path)}`,
            "it changes what the chart makes",
            "it is not applied",
          ),
        ),
      ],
      // What a repository has as its revision is none of a chart.
      ...present({ version: charts.version(u.folder ?? dirname(path)) ?? u.version }),
    };
  });
}

/** The values of each cluster on which a tool installs Cilium by one object; none if it is no such object. */
function targetPieces(document: Values, reading: Reading): Piece[] {
  const { path } = reading;
  const targets = applicationsOf(document, path) ?? fleetTargets(document) ?? [];
  const all = targets.flatMap((target) =>
    releasePieces(target.document, reading).map((piece) => ({ ...target, piece })),
  );
  const listed = new Set(all.filter((t) => t.isRest !== true).map((t) => t.piece.cluster));
  const found = all.filter((t) => t.isRest !== true || !listed.has(t.piece.cluster));
  const places = new Map<string, string>();
  for (const { place, piece } of found.length > 1 ? found : []) {
    const written = isMapping(piece.values?.cluster) ? piece.values.cluster.name : undefined;
    const other = places.get(piece.cluster ?? "");
    if (piece.cluster !== undefined && (other === undefined || other === place)) {
      places.set(piece.cluster, place);
      continue;
    }
    const what =
      piece.cluster === undefined
        ? `${place} does not name its cluster: cluster.name is ${JSON.stringify(written) ?? "not set"}`
        : `${place} and ${other} both name cluster ${piece.cluster}`;
    throw new MeshproofError("usage", `${path}: ${what}`, {
      remedy: "give the values of each cluster as a file of their own: what `helm get values` prints",
    });
  }
  return found.map((t) => t.piece);
}

/** Items of a PodList, as sysdumps write it, are of the kind that the list has in its name. */
function withKind(item: Values, list: Values): Values {
  const kind = /^(.+)List$/.exec(typeof list.kind === "string" ? list.kind : "")?.[1];
  return item.kind !== undefined || kind === undefined
    ? item
    : { ...item, kind, apiVersion: item.apiVersion ?? list.apiVersion };
}

/** The pieces of one list belong to one cluster. */
function joined(pieces: readonly Piece[]): Piece[] {
  const names = new Set(pieces.map((p) => p.cluster).filter((n) => n !== undefined));
  return names.size > 1 || pieces.length === 0 ? [...pieces] : [merged(pieces, [...names][0])];
}

function merged(pieces: readonly Piece[], cluster: string | undefined): Piece {
  const values = pieces.flatMap((p) => (p.values === undefined ? [] : [p.values]));
  const config = pieces.find((p) => p.config !== undefined)?.config;
  const version = pieces.find((p) => p.version !== undefined)?.version;
  // Of kubeadm's documents only one has the networks.
  const networks = pieces.flatMap((p) => p.networking ?? []);
  return {
    cluster,
    objects: pieces.flatMap((p) => p.objects),
    notes: pieces.flatMap((p) => p.notes),
    ...(values.length === 0 ? {} : { values: values.reduce(mergeValues, {}) }),
    ...(config === undefined ? {} : { config }),
    ...(version === undefined ? {} : { version }),
    ...(networks.length === 0 ? {} : { networking: Object.assign({}, ...networks) as Networking }),
  };
}

function requireMapping(value: unknown, path: string): Values {
  if (isMapping(value)) return value;
  throw new MeshproofError("config-invalid", `the objects of ${path} are not Kubernetes objects`, {
    remedy: "give output of `kubectl get -o yaml`",
  });
}

/** A file without a kind: values, or a mapping of names to values. */
function valuePieces(document: Values, { path, charts }: Reading): Piece[] {
  if (isMapping(document.sops) && looksLikeValues(document))
    throw new MeshproofError("config-invalid", `${path} is encrypted by SOPS`, {
      remedy: `give what \`sops decrypt ${shellQuote([path])}\` prints`,
    });
  const { values, notes } = withoutDots(document, path);
  if (!looksLikeValues(values)) {
    const inner = Object.entries(values).filter(([, v]) => looksLikeValues(v));
    if (inner.length > 0 && inner.length === Object.keys(values).length)
      return inner.map(([name, v]) => ({
        cluster: clusterIn(v as Values) ?? name,
        values: v as Values,
        objects: [],
        notes,
      }));
    const [place] = valuesPlaces(values);
    if (place !== undefined)
      throw new MeshproofError("usage", `${path} holds values of Cilium's chart at ${place}`, {
        remedy: "give the values of each cluster as a file of their own",
      });
  }
  const foreign = foreignKeys(values);
  const [command] = looksLikeValues(values) ? [] : commandPlaces(values);
  if (command !== undefined)
    throw new MeshproofError("config-invalid", `${path} holds commands that install Cilium at ${command}`, {
      remedy: "give them as a script, or what `helm get values cilium -n kube-system` prints of each cluster",
    });
  // Such as variables of kubespray, which name a cluster in their own way.
  if (foreign.length > 0)
    throw new MeshproofError(
      "config-invalid",
      `${path} has no value of Cilium's chart, only ${shortList(foreign, 4)}`,
      { remedy: "give what `helm get values cilium -n kube-system` prints of each cluster" },
    );
  if (Object.keys(values).length === 0) return [];
  const version = present({ version: charts.version(dirname(path)) });
  return [{ cluster: clusterIn(values), values, objects: [], notes, ...version }];
}

/** Where a file of another program, such as a workflow, has commands that install Cilium. */
const commandPlaces = (value: unknown, path = "", depth = 0): string[] => {
  if (typeof value === "string") return hasInstallCommand(value) ? [path] : [];
  if (depth > 12 || typeof value !== "object" || value === null) return [];
  const isList = Array.isArray(value);
  return Object.entries(value).flatMap(([key, inner]) => {
    const own = isList ? `[${key}]` : path === "" ? key : `.${key}`;
    return commandPlaces(inner, `${path}${own}`, depth + 1);
  });
};

/**
 * `cluster.name: alpha` is a key with a dot to Helm, and a pair for `--set` to its author. Which cluster it is, is what
 * was meant; all else is what runs.
 */
function withoutDots(document: Values, path: string): { values: Values; notes: Note[] } {
  const dotted = Object.keys(document).filter((key) => /^[a-zA-Z][\w-]*(\.[\w-]+)+$/.test(key));
  if (dotted.length === 0) return { values: document, notes: [] };
  const plain = Object.fromEntries(Object.entries(document).filter(([key]) => !dotted.includes(key)));
  const [meant, ignored] = [true, false].map((is) => dotted.filter((key) => /^cluster\./.test(key) === is));
  const noteOf = (keys: readonly string[] = [], inLab: string): Note[] =>
    keys.length === 0
      ? []
      : [
          {
            field: "keys with dots",
            inSource: `${keys.join(", ")} in ${path}: in a values file Helm takes each for one name, which the chart ignores`,
            inLab,
            matters: "yes",
            part: "source",
          },
        ];
  return {
    values: mergeValues(
      (meant ?? []).map((key) => nested(setKeys(key), document[key])).reduce(mergeValues, {}),
      plain,
    ),
    notes: [
      ...noteOf(meant, "taken as if given with --set"),
      ...noteOf(ignored, "left out, as the chart does"),
    ],
  };
}

/** Two clusters of one name would become one. */
function requireOneId(pieces: readonly Piece[], name: string, path: string): void {
  const ids = new Set(
    pieces
      .filter((p) => p.cluster === name)
      .map(
        (p) => p.config?.["cluster-id"] ?? (isMapping(p.values?.cluster) ? p.values.cluster.id : undefined),
      )
      .filter((id) => id !== undefined)
      .map(String),
  );
  if (ids.size > 1)
    throw new MeshproofError("usage", `${path} has cluster ${name} with ids ${[...ids].join(" and ")}`, {
      remedy:
        "a mesh needs another name for each cluster: correct cluster.name, or give the values of one cluster as a file of its own",
    });
}

/** A file's pieces by cluster: a piece that names none belongs to the last one named before it. */
function byCluster(pieces: readonly Piece[], path: string, named: string | undefined): Piece[] {
  const names = [...new Set(pieces.map((p) => p.cluster).filter((n) => n !== undefined))];
  for (const name of names) requireOneId(pieces, name, path);
  const [own] = names;
  if (named !== undefined && names.some((n) => n !== named))
    throw new MeshproofError("usage", `${path} is from cluster ${names.join(", ")}, not ${named}`, {
      remedy: `give it as ${shellQuote([names.length === 1 ? `${own}=${path}` : path])}, or without a name`,
    });
  if (names.length <= 1) return [merged(pieces, named ?? own)];
  const groups = new Map<string, Piece[]>(names.map((n) => [n, []]));
  let current: string | undefined;
  for (const piece of pieces) {
    current = piece.cluster ?? current;
    if (current === undefined)
      throw new MeshproofError(
        "usage",
        `${path} has clusters ${names.join(", ")}, and its first document does not say of which it is`,
        {
          remedy:
            "put each cluster's objects after its values or its ConfigMap cilium-config, or into a file of their own",
        },
      );
    groups.get(current)?.push(piece);
  }
  return [...groups].map(([name, group]) => merged(group, name));
}
