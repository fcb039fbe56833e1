import { basename } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { looksLikeValues, valuesPlaces } from "./unwrap.ts";

type Values = Record<string, unknown>;

/** Keys of a stack's file (pulumi.com, "Stack settings file reference"), in the cases that Pulumi reads. */
const stackKeys = /^(config|secrets[pP]rovider|encrypted[kK]ey|encryption[sS]alt|environment)$/;

const remedy =
  "give what the stacks installed: of each cluster what `helm get values cilium -n kube-system -o yaml` prints";

/**
 * Refuses the files of Pulumi by their form: a project has `name` and `runtime`, and in YAML its program; a stack's file
 * has `config` with keys such as `project:name` (pulumi.com, "Project file reference" and "Stack settings file
 * reference"). Which values the variables have is known only where the program runs.
 */
export function refusePulumi(document: Values, path: string): void {
  if (document.kind !== undefined || looksLikeValues(document)) return;
  if (isProject(document)) throw ofProgram(document, path);
  if (isStack(document, path))
    throw new MeshproofError(
      "config-invalid",
      `${path} is the configuration of a stack of Pulumi, neither Helm values nor objects of Kubernetes`,
      { remedy },
    );
}

const isProject = ({ name, runtime }: Values): boolean =>
  typeof name === "string" && (typeof runtime === "string" || (isMapping(runtime) && "name" in runtime));

function isStack(document: Values, path: string): boolean {
  const keys = Object.keys(document);
  if (keys.length === 0 || !keys.every((key) => stackKeys.test(key))) return false;
  const names = isMapping(document.config) ? Object.keys(document.config) : [];
  const isQualified = names.length > 0 && names.every((name) => /^[\w.-]+:\S+$/.test(name));
  return (
    isQualified || keys.some((key) => /^encrypt/.test(key)) || /^Pulumi\..+\.ya?ml$/.test(basename(path))
  );
}

function ofProgram(document: Values, path: string): MeshproofError {
  const [place] = valuesPlaces(document);
  const variables = place === undefined ? [] : variablesIn(document);
  const holds = [
    place === undefined ? "" : `; it holds values of Cilium's chart at ${place}`,
    variables.length === 0 ? "" : `, with variables ${shortList(variables, 4)}`,
  ].join("");
  // Values that are in use must not be left out of a folder; a program without any may.
  return new MeshproofError(
    place === undefined ? "config-invalid" : "usage",
    `${path} is a program of Pulumi, which is not run${holds}`,
    { remedy },
  );
}

const variablesIn = (document: Values): string[] => [
  ...new Set(JSON.stringify(document).match(/\$\{[\w.[\]-]{1,80}\}/g) ?? []),
];
