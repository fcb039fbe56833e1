import { basename, dirname, extname } from "node:path";
import { readUserFile } from "#harness/config/user-file.ts";
import type { YamlDocument } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { byCluster, joined } from "./by-cluster.ts";
import { networksOf } from "./cluster-networks.ts";
import { hasInstallCommand, installCommands } from "./commands/install-commands.ts";
import { commandsInPod } from "./commands/pod-commands.ts";
import { applicationsOf } from "./gitops/application-set.ts";
import { fleetTargets } from "./gitops/fleet.ts";
import { isKustomizationName } from "./gitops/kustomization.ts";
import { objectPiece } from "./object-piece.ts";
import {
  leftOut,
  notApplied,
  notRead,
  notUsed,
  type Part,
  type Piece,
  repeatedKey,
  type SourceFile,
} from "./part.ts";
import { refusePrinted } from "./printed-forms.ts";
import { refusePulumi } from "./pulumi.ts";
import type { Around, Reading } from "./reading.ts";
import { aroundPieces } from "./subchart-files.ts";
import { templateFile } from "./templates.ts";
import {
  helmRelease,
  isEmptyList,
  isHelmList,
  isHelmRelease,
  listedVersion,
  talosCluster,
} from "./text-forms.ts";
import { unwrapped } from "./unwrap.ts";
import { valuePieces } from "./value-pieces.ts";
import { clusterIn, withoutMarks } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Reads a text file of the source. `cluster`: of `NAME=FILE`. Nothing in it is executed. */
export function sourceFile(path: string, cluster: string | undefined): SourceFile {
  if (/\.tf(\.json)?$/i.test(path))
    throw new MeshproofError("usage", `${path} is Terraform code, which is not executed`, {
      remedy: "give what `helm get values` prints, or the values of the helm_release as a file of their own",
    });
  const text = readUserFile(path, "a file of the mesh").replaceAll("\r\n", "\n");
  if (/^(gnu)?makefile$|^justfile$|\.(mk|just)$/i.test(basename(path)) && hasInstallCommand(text))
    throw new MeshproofError(
      "usage",
      `${path} is a Makefile or a justfile, whose variables are not expanded`,
      {
        remedy: `give the commands as a script: what \`make -n TARGET\` (\`just -n\`) prints`,
      },
    );
  refusePrinted(text, path);
  const isOther = isHelmRelease(text) || (!isYaml(path) && hasInstallCommand(text));
  const { documents, missing } = isOther ? { documents: [], missing: [] } : readTexts(text, path);
  const notes = missing.map((what) => notRead(`${path}, ${what}`));
  return { path, cluster, order: 0, text, documents: documents.flatMap(objectsOfList), notes };
}

/** Text of values, of settings or of objects of Cilium, in YAML and in JSON. */
const ofMesh =
  /(?:^|[\s"'{,])(?:clustermesh|kubeProxyReplacement|routingMode|tunnelProtocol|ipam|cluster-name)["']?\s*:|^[ \t]*["']?cluster["']?:\s*(?:\{|\n)\s*["']?(?:name|id)\b|["{]cluster"\s*:\s*\{\s*"(?:name|id)"|(?:^|[\s"'])(?:service\.)?cilium\.io\//m;

/** Of a file that cannot be read the code is `usage`, if a cluster would be missing without it: no folder leaves it out. */
function readTexts(text: string, path: string): ReturnType<typeof templateFile> {
  try {
    return templateFile(text, path);
  } catch (error) {
    const isCorrectable = error instanceof MeshproofError && !/\{\{|\{%/.test(text);
    if (!isCorrectable || !ofMesh.test(text)) throw error;
    const { message, remedy, cause } = error;
    throw new MeshproofError("usage", message, { ...present({ remedy }), cause });
  }
}

/** Objects in one list, as Jsonnet and jq print them, are documents like others. */
const objectsOfList = (document: YamlDocument): YamlDocument[] =>
  Array.isArray(document.value) &&
  document.value.length > 0 &&
  document.value.every((v) => isMapping(v) && typeof v.kind === "string")
    ? document.value.map((value: unknown, i) => ({
        value,
        repeatedKeys: i === 0 ? document.repeatedKeys : [],
      }))
    : [document];

const isYaml = (path: string): boolean =>
  [".yaml", ".yml", ".json"].includes(extname(path).toLowerCase()) || isKustomizationName(path);

/** What a file of values, objects or commands says, divided by clusters. It takes the files that it names. */
export function partsOf(file: SourceFile, { others, charts }: Around): Part[] {
  const { path, cluster, below, unit } = file;
  const reading: Reading = {
    path,
    charts,
    layers: others.of(file),
    take: (files) => others.take(files),
    notesOf: (object) => file.ofObjects?.get(object) ?? [],
  };
  const parts = byCluster(piecesOf(file, reading), path, cluster);
  return parts.map((p, i) => ({
    ...p,
    ...present({ below, unit }),
    notes: i === 0 ? [...file.notes, ...p.notes] : p.notes,
    source: path,
    sysdump: false,
  }));
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

/** It says which version runs. */
function helmListPiece(releases: readonly Values[], path: string): Piece {
  const version = listedVersion(releases);
  const none =
    version === undefined ? [leftOut(path, "output of `helm list` without a release of Cilium")] : [];
  return { cluster: undefined, objects: [], notes: none, ...present({ version }) };
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

function fromCommands(text: string, { path, layers, charts, take }: Reading): Piece[] {
  return installCommands(text, path, { layers, charts }).map((command): Piece => {
    const { values, version, files, missing, unknown, unread, line } = command;
    take(files);
    return {
      cluster: clusterIn(values),
      values,
      objects: [],
      notes: [
        ...command.notes,
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

function pieceOf({ value, repeatedKeys }: YamlDocument, reading: Reading): Piece[] {
  const repeated = repeatedKeys.map((key) => repeatedKey(key, reading.path));
  const [first, ...rest] = documentPieces(value, reading);
  return first === undefined ? [] : [{ ...first, notes: [...repeated, ...first.notes] }, ...rest];
}

function documentPieces(value: unknown, reading: Reading): Piece[] {
  const notes = reading.notesOf(value);
  const pieces = plainPieces(value, reading);
  if (notes.length === 0) return pieces;
  const [first = { cluster: undefined, objects: [], notes: [] }, ...rest] = pieces;
  return [{ ...first, notes: [...first.notes, ...notes] }, ...rest];
}

function plainPieces(value: unknown, reading: Reading): Piece[] {
  const { path } = reading;
  if (isHelmList(value)) return [helmListPiece(value, path)];
  if (Array.isArray(value)) return value.flatMap((v) => documentPieces(requireMapping(v, path), reading));
  if (!isMapping(value)) return [];
  refusePulumi(value, path);
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
  const ofAround = aroundPieces(document, reading);
  if (ofAround !== undefined) return ofAround;
  const networks = networksOf(document, path);
  const ofTargets = targetPieces(document, reading);
  const found = ofTargets.length > 0 ? ofTargets : releasePieces(document, reading);
  if (found.length > 0)
    return found.map((f) => ({ ...f, ...networks, notes: [...f.notes, ...(networks?.notes ?? [])] }));
  const plain = withoutMarks(document);
  if (networks !== undefined) {
    // The object itself is not of the cluster that it manages.
    const notes = networks.managed === undefined ? [] : objectPiece(plain, path).notes;
    return [{ cluster: undefined, objects: [], ...networks, notes: [...networks.notes, ...notes] }];
  }
  const commands = commandsInPod(plain);
  const installed = commands.length === 0 ? [] : fromCommands(commands.join("\n"), reading);
  if (installed.length > 0) return installed;
  if (document.kind !== undefined || isMapping(document.metadata)) return [objectPiece(plain, path)];
  return valuePieces(document, reading);
}

/** A file of a tool has no kind and no name. */
const inFile = (of: string, path: string): string => (of === "" ? `in ${path}` : `of ${of} in ${path}`);

/** The values within one object or file of a kind that keeps them. */
function releasePieces(document: Values, { path, charts, layers, take }: Reading): Piece[] {
  return unwrapped(document, path, { layers, charts }).map((u) => {
    take(u.files);
    return {
      cluster: clusterIn(u.values),
      values: u.values,
      objects: [],
      ...present({ ofEach: u.ofEach, defaults: u.defaults }),
      notes: [
        ...u.notes,
        ...(u.elsewhere.length === 0 ? [] : [notRead(`${u.elsewhere.join(", ")} ${inFile(u.of, path)}`)]),
        ...u.unused.map((place) => notUsed(place, inFile(u.of, path))),
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

function requireMapping(value: unknown, path: string): Values {
  if (isMapping(value)) return value;
  throw new MeshproofError("config-invalid", `the objects of ${path} are not Kubernetes objects`, {
    remedy: "give output of `kubectl get -o yaml`",
  });
}
