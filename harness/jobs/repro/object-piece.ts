import { MeshproofError } from "#harness/lib/errors.ts";
import { checkRecord } from "#harness/lib/records.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { type Note, sourceObjectsFormat } from "#harness/model/source-environment.ts";
import { doubtsOf } from "./object-doubts.ts";
import { notApplied, type Piece } from "./part.ts";
import { chartPaths } from "./source-settings.ts";
import { groupOf, isTableKind, isValuesText, nameOf, setPlaces, valuesPlaces } from "./unwrap.ts";
import { ofTool } from "./value-pieces.ts";
import { at } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Groups whose objects hold no values of Cilium's chart, though some have keys of the same names. */
const plainGroups =
  /^(|apps|batch|autoscaling|policy|events\.k8s\.io|.*\.(authorization|networking|discovery|storage|coordination)\.k8s\.io|(networking|discovery|storage|coordination|apiextensions|admissionregistration)\.k8s\.io|cilium\.io|multicluster\.x-k8s\.io|gateway\.networking\.k8s\.io)$/;

/** Configuration of Kubernetes' own programs, of which `cluster-networks` reads what a mesh needs: no objects. */
const componentGroups = /^((kubeadm|kubelet\.config|kubeproxy\.config)\.k8s\.io|kind\.x-k8s\.io)$/;

interface Changer {
  readonly kind: string;
  readonly group: string;
  readonly places: readonly string[];
  /** What to give in place of the object. */
  readonly remedy: string;
}

/** Objects by which a program changes other objects of the same files before it installs them. */
const changers: readonly Changer[] = [
  {
    kind: "Kustomization",
    group: "kustomize.toolkit.fluxcd.io",
    places: ["spec.patches", "spec.patchesStrategicMerge", "spec.patchesJson6902", "spec.components"],
    remedy: "Flux applies it: give what `flux build kustomization` prints",
  },
  {
    kind: "Application",
    group: "argoproj.io",
    places: ["spec.source.kustomize.patches", "spec.source.kustomize.components"],
    remedy: "Argo CD applies it: give what `argocd app manifests` prints",
  },
];

/** Notes those that may change Cilium's release or its settings. */
function changesOf(document: Values, path: string): Note[] {
  const of = changers.find((c) => c.kind === document.kind && c.group === groupOf(document.apiVersion));
  return (of?.places ?? []).flatMap((place): Note[] => {
    const value = at(document, place);
    return value === undefined || !/cilium|HelmRelease|ConfigMap/i.test(JSON.stringify(value))
      ? []
      : [notApplied(`${place} of ${nameOf(document)}`, `in ${path}`, of?.remedy ?? "")];
  });
}

/** One object of Kubernetes, or of a tool that writes objects in their form. */
export function objectPiece(document: Values, path: string): Piece {
  const { kind, apiVersion } = document;
  const group = groupOf(apiVersion);
  const label = nameOf(document);
  if (componentGroups.test(group)) return { cluster: undefined, objects: [], notes: [] };
  if (kind === "Secret" && document.type === "helm.sh/release.v1" && /\.cilium\./.test(label))
    throw new MeshproofError("usage", `${path}: ${label} holds values packed at data.release`, {
      remedy:
        "give what `helm get values cilium -n kube-system` prints of each cluster; without Helm, save `config` of what `kubectl get secret NAME -n kube-system -o jsonpath={.data.release} | base64 -d | base64 -d | gunzip` prints",
    });
  if (group === "kops.k8s.io" && at(document, "spec.networking.cilium") !== undefined)
    throw new MeshproofError(
      "usage",
      `${path}: ${label} is a cluster of kOps: its settings at spec.networking.cilium, spec.podCIDR and spec.serviceClusterIPRange are no values of Cilium's chart`,
      {
        remedy:
          "give what `kubectl get configmap cilium-config -n kube-system -o yaml` prints of each cluster",
      },
    );
  // Parts of a machine configuration of Talos, which are no objects of Kubernetes.
  if (apiVersion === "v1alpha1") return { cluster: undefined, objects: [], notes: [] };
  const config = agentConfig(document);
  const mayHoldValues =
    kind === "ConfigMap" ||
    kind === "Secret" ||
    // Of an ApplicationSet, those that may be Cilium's are read before.
    // Of kustomize's own generators, whose group has no dot.
    apiVersion === "builtin" ||
    isOfTool(document) ||
    !(plainGroups.test(group) || isTableKind(document) || kind === "ApplicationSet");
  // Keys of cilium-config, such as `ipam`, are also names of values.
  if (config === undefined && mayHoldValues) {
    const [place] = kind === "Secret" ? packedPlaces(document) : valuesPlaces(document);
    if (place !== undefined) throw notUnwrapped(document, path, place);
    const [set] = kind === "ConfigMap" || kind === "Secret" ? [] : setPlaces(document);
    if (set !== undefined) throw ofTool(`${path}${label === "" ? "" : `: ${label}`}`, set);
  }
  if (!isMapping(document.metadata) && kind !== undefined) {
    const [place] = valuesPlaces(document);
    const holds = place === undefined ? "" : `; it holds values of Cilium's chart at ${place}`;
    throw new MeshproofError(
      "config-invalid",
      `${path}: a document of kind ${String(kind)} has no metadata, so it is no object of Kubernetes${holds}`,
      { remedy: "give output of `kubectl get -o yaml`, or the values as a file of their own" },
    );
  }
  const { object, notes } = withTexts(document, path);
  notes.push(...changesOf(document, path), ...doubtsOf(document, path));
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

/** Of Helmsman or Zarf: it has a name, but nothing else of an object of Kubernetes. */
const isOfTool = (document: Values): boolean =>
  document.apiVersion === undefined &&
  ["spec", "data", "stringData", "status", "items"].every((key) => document[key] === undefined);

function notUnwrapped(document: Values, path: string, place: string): MeshproofError {
  const { kind, apiVersion, data } = document;
  const name = nameOf(document);
  // Such as those that a ClusterResourceSet installs.
  const text = isMapping(data) ? data[place.replace(/^data\./, "")] : undefined;
  const isManifests = typeof text === "string" && /^kind:/m.test(text) && /^apiVersion:/m.test(text);
  return new MeshproofError(
    "usage",
    `${path}${name === "" ? "" : `: ${name}`} holds ${isManifests ? "manifests with settings of Cilium" : "values of Cilium's chart"} at ${place}`,
    {
      remedy: `this kind is not unwrapped${kind === undefined ? "" : ` (${[kind, apiVersion].filter((t) => t !== undefined).join(", ")})`}: give the ${isManifests ? "manifests" : "values"} as a file of their own`,
    },
  );
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
