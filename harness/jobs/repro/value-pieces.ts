import { dirname } from "node:path";
import { mergeValues } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { hasInstallCommand } from "./commands/install-commands.ts";
import { nested, setKeys } from "./commands/set-values.ts";
import type { Piece } from "./part.ts";
import type { Reading } from "./reading.ts";
import { foreignKeys, looksLikeValues, placesWhere, setPlaces, valuesPlaces } from "./unwrap.ts";
import { clusterIn } from "./values-at.ts";

type Values = Record<string, unknown>;

/** A file without a kind: values, or a mapping of names to values. */
export function valuePieces(document: Values, { path, charts }: Reading): Piece[] {
  if (isMapping(document.sops) && looksLikeValues(document))
    // Of a folder, only that of secrets beside other values may be left out: else a cluster would be missing.
    throw new MeshproofError(
      isMapping(document.cluster) ? "usage" : "config-invalid",
      `${path} is encrypted by SOPS`,
      {
        remedy: `give what \`sops decrypt ${shellQuote([path])}\` prints`,
      },
    );
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
    const [set] = place === undefined ? setPlaces(values) : [];
    refuseTool(values, path, place ?? set);
    if (set !== undefined) throw ofTool(path, set);
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

/** Of a document with pairs for `--set`: `what` it is, and where they are. The values files that it names are a part only. */
export const ofTool = (what: string, place: string): MeshproofError =>
  new MeshproofError(
    "usage",
    `${what} holds values of Cilium's chart at ${place}, in force over those of other files`,
    { remedy: "give what `helm get values cilium -n kube-system` prints of each cluster" },
  );

/** Refuses what Terraform prints, and variables of Ansible: the values in them are a part of what runs. */
function refuseTool(values: Values, path: string, place: string | undefined): void {
  if (typeof values.terraform_version === "string" && place !== undefined)
    throw new MeshproofError(
      "usage",
      `${path}, output of \`terraform show -json\`, holds values of Cilium's chart at ${place}, which \`set\` of the same resource may change`,
      { remedy: "give what `helm get values cilium -n kube-system` prints of each cluster" },
    );
  const variables = Object.keys(values).filter((key) => /^(cilium|kube)_[a-z]\w*$/.test(key));
  if (!variables.some((key) => key.startsWith("cilium_"))) return;
  const are = "variables of Ansible, as kubespray has them";
  // Beside values of another file, those without values of the chart may be left out.
  throw new MeshproofError(
    place === undefined ? "config-invalid" : "usage",
    place === undefined
      ? `${path} has no value of Cilium's chart, only ${shortList(Object.keys(values), 4)}: ${are}`
      : `${path} holds ${are}: ${shortList(variables, 4)}; the values at ${place} are only a part of what it installs`,
    {
      remedy:
        "give what `helm get values cilium -n kube-system` prints of each cluster, or `kubectl get configmap cilium-config -n kube-system -o yaml`",
    },
  );
}

/** Where a file of another program, such as a workflow, has commands that install Cilium. */
const commandPlaces = (value: unknown): string[] =>
  placesWhere(value, (v) => typeof v === "string" && hasInstallCommand(v));

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
