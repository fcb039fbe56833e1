import { extname } from "node:path";
import { mergeValues } from "#harness/config/plan.ts";
import { readUserFile } from "#harness/config/user-file.ts";
import { type YamlDocument, yamlObjectsOf } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord } from "#harness/lib/records.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { type Note, type SourceObject, sourceObjectsFormat } from "#harness/model/source-environment.ts";
import { hasInstallCommand, installCommands } from "./install-commands.ts";
import { nested, setKeys } from "./set-values.ts";
import { chartPaths } from "./source-settings.ts";
import { helmRelease, networksOf, talosCluster } from "./text-forms.ts";
import {
  foreignKeys,
  isTableKind,
  isValuesText,
  looksLikeValues,
  nameOf,
  unwrapped,
  valuesPlaces,
} from "./unwrap.ts";
import { isPlaceholder } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Data about one cluster from one file. */
export interface Part {
  readonly source: string;
  /** Undefined if the file does not name its cluster. */
  readonly cluster: string | undefined;
  readonly values?: Values;
  readonly config?: Readonly<Record<string, string>>;
  /** Of Cilium's chart, where the file holds it. */
  readonly version?: string;
  /** Of a kind Config or of kubeadm's configuration. */
  readonly networking?: Values;
  readonly objects: readonly SourceObject[];
  readonly notes: readonly Note[];
  readonly sysdump: boolean;
}

type Piece = Omit<Part, "source" | "sysdump">;

/** What a file of values, objects or commands says, divided by clusters. `named`: of `NAME=FILE`. */
export function partsOf(path: string, named: string | undefined): Part[] {
  return byCluster(piecesOf(path), path, named).map((p) => ({ ...p, source: path, sysdump: false }));
}

function piecesOf(path: string): Piece[] {
  const isYaml = [".yaml", ".yml", ".json"].includes(extname(path).toLowerCase());
  if (extname(path).toLowerCase() === ".tf")
    throw new MeshproofError("usage", `${path} is Terraform code, which is not executed`, {
      remedy: "give what `helm get values` prints, or the values of the helm_release as a file of their own",
    });
  const text = readUserFile(path, "a file of the mesh");
  const release = helmRelease(text, path);
  if (release !== undefined) return fromRelease(release, path);
  if (!isYaml && hasInstallCommand(text)) return fromCommands(text, path);
  const documents = yamlObjectsOf(text, path);
  const pieces = documents.flatMap((d) => pieceOf(d, path));
  if (pieces.length > 0) return pieces;
  const texts = documents.map((d) => d.value).filter((v) => typeof v === "string");
  const config = isYaml ? undefined : configView(text);
  if (config !== undefined) return [{ cluster: config["cluster-name"], config, objects: [], notes: [] }];
  if (texts.length > 0 && texts.every(hasInstallCommand)) return texts.flatMap((t) => fromCommands(t, path));
  throw new MeshproofError("usage", `${path} contains neither Helm values nor Kubernetes objects`, {
    remedy: "give output of `helm get values` or `kubectl get -o yaml`",
  });
}

/** The values and the objects of one release are of one cluster. */
function fromRelease(
  { values, manifest, version }: NonNullable<ReturnType<typeof helmRelease>>,
  path: string,
): Piece[] {
  return joined([
    {
      cluster: clusterIn(values),
      values,
      objects: [],
      notes: [],
      ...(version === undefined ? {} : { version }),
    },
    ...manifest.flatMap((d) => pieceOf(d, path)),
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

function fromCommands(text: string, path: string): Piece[] {
  return installCommands(text, path).map((command): Piece => {
    const { values, version, valueFiles, unknown, line } = command;
    return {
      cluster: clusterIn(values),
      values,
      objects: [],
      notes: [
        ...(valueFiles.length === 0 ? [] : [notRead(`${path}: ${valueFiles.join(", ")}`)]),
        ...(unknown.length === 0 ? [] : [notKnown(`${path}, line ${line}: ${unknown.join(" ")}`)]),
      ],
      ...(version === undefined ? {} : { version }),
    };
  });
}

/** kubectl prints `items: []` where there is no object; the Cilium CLI writes null. */
const isEmptyList = ({ kind, items, ...more }: Values): boolean =>
  /List$/.test(String(kind)) &&
  (Array.isArray(items) ? items.length === 0 : items === null && more.apiVersion !== undefined);

const emptyList = (path: string): Note => ({
  field: "empty list",
  inSource: `${path} holds an empty list`,
  inLab: "nothing",
  matters: "no",
  part: "other",
});

const notRead = (what: string): Note => ({
  field: "values in other files",
  inSource: what,
  inLab: "not read: give these files too",
  matters: "perhaps",
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

function pieceOf({ value, repeatedKeys }: YamlDocument, path: string): Piece[] {
  const repeated: Note[] = repeatedKeys.map((key) => ({
    field: `key ${key}`,
    inSource: `twice in one mapping of ${path}`,
    inLab: "the last one, as in Helm and kubectl",
    matters: "yes",
    part: "source",
  }));
  const [first, ...rest] = documentPieces(value, path);
  return first === undefined ? [] : [{ ...first, notes: [...repeated, ...first.notes] }, ...rest];
}

function documentPieces(value: unknown, path: string): Piece[] {
  if (Array.isArray(value)) return value.flatMap((v) => documentPieces(requireMapping(v, path), path));
  if (!isMapping(value)) return [];
  const { "COMPUTED VALUES": _a, "USER-SUPPLIED VALUES": _b, ...document } = value;
  if (isEmptyList(document)) return [{ cluster: undefined, objects: [], notes: [emptyList(path)] }];
  if (Array.isArray(document.items) && (document.kind === undefined || /List$/.test(String(document.kind))))
    return joined(
      document.items.flatMap((o) => documentPieces(withKind(requireMapping(o, path), document), path)),
    );
  const talos = talosCluster(document, path);
  if (talos !== undefined)
    return joined([
      { cluster: undefined, objects: [], notes: [], networking: talos.networking },
      ...talos.documents.flatMap((d) => pieceOf(d, path)),
    ]);
  const networking = networksOf(document);
  const found = unwrapped(document, path);
  if (found.length > 0)
    return found.map((u) => ({
      cluster: clusterIn(u.values),
      values: u.values,
      objects: [],
      notes: u.elsewhere.length === 0 ? [] : [notRead(`${u.elsewhere.join(", ")} of ${u.of} in ${path}`)],
      ...(u.version === undefined ? {} : { version: u.version }),
      ...(networking === undefined ? {} : { networking }),
    }));
  if (networking !== undefined) return [{ cluster: undefined, objects: [], notes: [], networking }];
  if (document.kind !== undefined || isMapping(document.metadata)) return [objectPiece(document, path)];
  return valuePieces(document, path);
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
  const networking = pieces.find((p) => p.networking !== undefined)?.networking;
  return {
    cluster,
    objects: pieces.flatMap((p) => p.objects),
    notes: pieces.flatMap((p) => p.notes),
    ...(values.length === 0 ? {} : { values: values.reduce(mergeValues, {}) }),
    ...(config === undefined ? {} : { config }),
    ...(version === undefined ? {} : { version }),
    ...(networking === undefined ? {} : { networking }),
  };
}

function requireMapping(value: unknown, path: string): Values {
  if (isMapping(value)) return value;
  throw new MeshproofError("config-invalid", `the objects of ${path} are not Kubernetes objects`, {
    remedy: "give output of `kubectl get -o yaml`",
  });
}

/** Groups whose objects hold no values of Cilium's chart, though some have keys of the same names. */
const plainGroups =
  /^(|apps|batch|autoscaling|policy|events\.k8s\.io|.*\.(authorization|networking|discovery|storage|coordination)\.k8s\.io|(networking|discovery|storage|coordination|apiextensions|admissionregistration)\.k8s\.io|cilium\.io|multicluster\.x-k8s\.io|gateway\.networking\.k8s\.io)$/;

function objectPiece(document: Values, path: string): Piece {
  const { kind, apiVersion } = document;
  const group = String(apiVersion ?? "").includes("/") ? String(apiVersion).replace(/\/.*/, "") : "";
  const label = nameOf(document);
  if (group === "kind.x-k8s.io" || group === "kubeadm.k8s.io")
    return { cluster: undefined, objects: [], notes: [], networking: kubeadmOf(document) };
  if (kind === "Secret" && document.type === "helm.sh/release.v1" && /\.cilium\./.test(label))
    throw new MeshproofError("usage", `${path}: ${label} holds values packed at data.release`, {
      remedy: "give what `helm get values cilium -n kube-system` prints",
    });
  // Parts of a machine configuration of Talos, which are no objects of Kubernetes.
  if (apiVersion === "v1alpha1") return { cluster: undefined, objects: [], notes: [] };
  const config = agentConfig(document);
  const mayHoldValues =
    kind === "ConfigMap" || kind === "Secret" || !(plainGroups.test(group) || isTableKind(document));
  // Keys of cilium-config, such as `ipam`, are also names of values.
  if (config === undefined && mayHoldValues) {
    const [place] = kind === "Secret" ? packedPlaces(document) : valuesPlaces(document);
    if (place !== undefined)
      throw new MeshproofError("usage", `${path}: ${label} holds values of Cilium's chart at ${place}`, {
        remedy: `this kind is not unwrapped (${kind}, ${apiVersion}): give the values as a file of their own`,
      });
  }
  const { object, notes } = withTexts(document, path);
  const [checked] = checkRecord([object], sourceObjectsFormat, {
    what: `the objects of ${path}`,
    remedy: "give output of `kubectl get -o yaml`",
  }) ?? [undefined];
  if (checked === undefined) return { cluster: undefined, objects: [], notes };
  return {
    cluster: config?.["cluster-name"],
    objects: [checked],
    notes,
    ...(config === undefined ? {} : { config }),
  };
}

/**
 * The settings of agents that a ConfigMap holds: it is named cilium-config, or it names a cluster beside other settings
 * of agents, as where the name has a suffix.
 */
function agentConfig({ kind, metadata, data }: Values): Record<string, string> | undefined {
  if (!["ConfigMap", undefined].includes(kind as string | undefined) || !isMapping(data)) return undefined;
  const name = isMapping(metadata) ? metadata.name : undefined;
  const isNamed = name === "cilium-config";
  const isLike =
    data["cluster-name"] !== undefined &&
    Object.keys(data).some((key) => key === "cluster-id" || key in chartPaths);
  if (!isNamed && !isLike) return undefined;
  // A file written by hand may have numbers without quotes.
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, String(value ?? "")]));
}

/** Values in the base64 of a Secret. */
const packedPlaces = ({ data }: Values): string[] =>
  Object.entries(isMapping(data) ? data : {})
    .filter(([, v]) => typeof v === "string" && isValuesText(Buffer.from(v, "base64").toString("utf8")))
    .map(([key]) => `data.${key}, in base64`);

const kubeadmOf = (document: Values): Values => ({
  ...(isMapping(document.networking) ? document.networking : {}),
  ...(typeof document.kubernetesVersion === "string"
    ? { kubernetesVersion: document.kubernetesVersion }
    : {}),
});

/** The API server takes no annotation or label that is not a text, such as `true` without quotes. */
function withTexts(document: Values, path: string): { object: Values; notes: Note[] } {
  const notes: Note[] = [];
  const metadata = isMapping(document.metadata) ? { ...document.metadata } : document.metadata;
  if (!isMapping(metadata)) return { object: document, notes };
  for (const part of ["annotations", "labels"]) {
    const marks = metadata[part];
    if (!isMapping(marks)) continue;
    const wrong = Object.entries(marks).filter(([, v]) => typeof v !== "string" && v !== null);
    for (const [key, value] of wrong)
      notes.push({
        field: `${nameOf(document)}: ${part.slice(0, -1)} ${key}`,
        inSource: `${JSON.stringify(value)} without quotes in ${path}: no text, so the API server refuses the object`,
        inLab: JSON.stringify(String(value)),
        matters: "yes",
        part: "source",
      });
    metadata[part] = Object.fromEntries(
      Object.entries(marks).map(([k, v]) => [
        k,
        typeof v === "object" && v !== null ? JSON.stringify(v) : String(v ?? ""),
      ]),
    );
  }
  return { object: { ...document, metadata }, notes };
}

/** A file without a kind: values, or a mapping of names to values. */
function valuePieces(document: Values, path: string): Piece[] {
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
  // Such as variables of kubespray, which name a cluster in their own way.
  if (foreign.length > 0)
    throw new MeshproofError(
      "config-invalid",
      `${path} has no value of Cilium's chart, only ${foreign.slice(0, 4).join(", ")}${foreign.length > 4 ? ` and ${foreign.length - 4} more` : ""}`,
      { remedy: "give what `helm get values cilium -n kube-system` prints of each cluster" },
    );
  if (Object.keys(values).length === 0) return [];
  return [{ cluster: clusterIn(values), values, objects: [], notes }];
}

/** `cluster.name: alpha` is a key with a dot to Helm, and a pair for `--set` to its author. */
function withoutDots(document: Values, path: string): { values: Values; notes: Note[] } {
  const dotted = Object.keys(document).filter((key) => /^[a-zA-Z][\w-]*(\.[\w-]+)+$/.test(key));
  if (dotted.length === 0) return { values: document, notes: [] };
  const plain = Object.fromEntries(Object.entries(document).filter(([key]) => !dotted.includes(key)));
  return {
    values: dotted.map((key) => nested(setKeys(key), document[key])).reduce(mergeValues, plain),
    notes: [
      {
        field: "keys with dots",
        inSource: `${dotted.join(", ")} in ${path}: in a values file Helm takes each for one name, which the chart ignores`,
        inLab: "taken as if given with --set",
        matters: "yes",
        part: "source",
      },
    ],
  };
}

/** A file's pieces by cluster: a piece that names none belongs to the last one named before it. */
function byCluster(pieces: readonly Piece[], path: string, named: string | undefined): Piece[] {
  const names = [...new Set(pieces.map((p) => p.cluster).filter((n) => n !== undefined))];
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
