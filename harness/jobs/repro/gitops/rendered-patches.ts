import { parseYamlObjects } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { notApplied } from "../part.ts";
import { fieldsOf, whatOf } from "./patches.ts";
import { isSameObject, selected } from "./selected.ts";

type Values = Record<string, unknown>;

/** A patch of kustomize on what a chart makes (`Patch`, api/types/patch.go of kustomize). */
export interface RenderedPatch {
  readonly place: string;
  readonly patch: Values;
}

interface Rendered {
  /** The `cluster-id` that patches give to cilium-config. */
  readonly id?: string;
  readonly notes: readonly { readonly note: Note; readonly isOfConfig: boolean }[];
}

const why = "what the chart makes is not patched here";
const whyConfig =
  "agents read it there, and not in the values: give what `kubectl -n kube-system get configmap cilium-config -o yaml` prints";

/**
 * What patches of the objects of Cilium's chart change. The id in ConfigMap cilium-config is taken up, since agents,
 * operator and clustermesh-apiserver read it there (templates/clustermesh-apiserver/deployment.yaml, 1.19.7); nothing else
 * is applied, and each is named. `namespace`: of the release.
 */
export function renderedPatches(patches: readonly RenderedPatch[], namespace: unknown): Rendered {
  const own = typeof namespace === "string" ? namespace : "kube-system";
  const done = patches.flatMap((patch) => doneBy(patch, own));
  const id = done.findLast((d) => d.id !== undefined)?.id;
  return { ...present({ id }), notes: done.map(({ note, isOfConfig }) => ({ note, isOfConfig })) };
}

interface Done {
  readonly note: Note;
  readonly isOfConfig: boolean;
  readonly id?: string;
}

function doneBy({ place, patch }: RenderedPatch, namespace: string): Done[] {
  const documents = documentsOf(patch, place);
  if (typeof documents === "string") return [{ note: notApplied(place, documents, why), isOfConfig: false }];
  const target = isMapping(patch.target) ? patch.target : undefined;
  const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "cilium-config", namespace } };
  return documents.flatMap((value): Done[] => {
    const found =
      target !== undefined
        ? selected(target, [{ value: config }])
        : isMapping(value) && isSameObject(value, config)
          ? [config]
          : [];
    const what = whatOf(value, target);
    if (typeof found === "string")
      return [{ note: { ...notApplied(place, what, found), matters: "perhaps" }, isOfConfig: true }];
    return found.length > 0 ? ofConfig(value, what, place) : [ofOther(value, what, place)];
  });
}

/** The patches of one text, or why there are none. */
function documentsOf({ patch }: Values, place: string): (Values | readonly unknown[])[] | string {
  if (typeof patch !== "string") return "a patch that is in a file of its own";
  try {
    return parseYamlObjects(patch, place).flatMap(({ value }): (Values | readonly unknown[])[] =>
      isMapping(value) || Array.isArray(value) ? [value] : [],
    );
  } catch (error) {
    if (error instanceof MeshproofError) return error.message;
    throw error;
  }
}

const idKey = "cluster-id";

function ofConfig(value: Values | readonly unknown[], what: string, place: string): Done[] {
  const { settings, isWhole } = settingsOf(value);
  const id = settings.get(idKey);
  const others = [...settings].filter(([key]) => key !== idKey || id === undefined);
  const texts = others.map(([key, text]) => (text === undefined ? `${key} removed` : `${key}: ${text}`));
  const done: Done[] = [];
  if (id !== undefined)
    done.push({
      id,
      isOfConfig: true,
      note: {
        field: place,
        inSource: `sets ${idKey} of ConfigMap cilium-config to ${id}: agents run with it, whatever cluster.id in the values is`,
        inLab: "taken as cluster.id",
        matters: "yes",
        part: "other",
      },
    });
  if (texts.length > 0 || isWhole)
    done.push({
      isOfConfig: true,
      note: notApplied(place, isWhole ? what : `ConfigMap cilium-config: ${texts.join(", ")}`, whyConfig),
    });
  return done;
}

/** What a patch writes into a map's data, as far as it is plain texts; `isWhole` if it does more. */
function settingsOf(value: Values | readonly unknown[]): {
  readonly settings: ReadonlyMap<string, string | undefined>;
  readonly isWhole: boolean;
} {
  const settings = new Map<string, string | undefined>();
  if (isMapping(value)) {
    for (const [key, text] of Object.entries(isMapping(value.data) ? value.data : {}))
      settings.set(key, text === null ? undefined : String(text));
    const isWhole = "$patch" in value || fieldsOf(value).some((field) => !field.startsWith("data."));
    return { settings, isWhole };
  }
  let isWhole = false;
  for (const operation of value) {
    const { op, path, value: text } = isMapping(operation) ? operation : {};
    const [, key] = /^\/data\/([^/]+)$/.exec(String(path)) ?? [];
    if (op === "test" || /^\/metadata\/(labels|annotations)\b/.test(String(path))) continue;
    if (key === undefined || !["add", "replace", "remove"].includes(String(op))) isWhole = true;
    else settings.set(key, op === "remove" ? undefined : String(text));
  }
  return { settings, isWhole };
}

/** Fields that only say where and how fast a program runs. */
const harmless =
  /(^|[./])(priorityClassName|nodeSelector|tolerations|affinity|topologySpreadConstraints|resources|imagePullSecrets|imagePullPolicy|revisionHistoryLimit|terminationGracePeriodSeconds)([./]|$)/;

function ofOther(value: Values | readonly unknown[], what: string, place: string): Done {
  const fields = fieldsOf(value);
  const isHarmless = fields.length > 0 && fields.every((field) => harmless.test(field));
  return {
    isOfConfig: false,
    note: { ...notApplied(place, what, why), matters: isHarmless ? "no" : "perhaps" },
  };
}
