import { mergeValues } from "#harness/config/plan.ts";
import { parseYamlObjects } from "#harness/config/yaml-objects.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { groupOf, nameOf, valuesPlaces } from "../unwrap.ts";
import { isPlaceholder } from "../values-at.ts";
import { filled, goText } from "./filled.ts";
import type { Target } from "./target.ts";

type Values = Record<string, unknown>;

const remedy =
  "give the Applications that it makes: what `argocd appset generate FILE -o yaml` or `kubectl get applications -A -o yaml` prints";

/** The Applications that an Argo CD ApplicationSet makes of its list generators; undefined for any other object. */
export function applicationsOf(document: Values, path: string): Target[] | undefined {
  if (document.kind !== "ApplicationSet" || groupOf(document.apiVersion) !== "argoproj.io") return undefined;
  const spec = isMapping(document.spec) ? document.spec : {};
  const template = isMapping(spec.template) ? spec.template : {};
  if (!mayBeCiliums(template)) return [];
  const refuse = (what: string): never => {
    const [at = "spec.template.spec.source.helm"] = valuesPlaces({ spec: { template } });
    throw new MeshproofError("usage", `${path}: ${nameOf(document)} ${what}; its values are at ${at}`, {
      remedy,
    });
  };
  if (spec.templatePatch !== undefined && /helm|source/.test(String(spec.templatePatch)))
    refuse("changes its Applications by spec.templatePatch, which is not run");
  const generators = Array.isArray(spec.generators)
    ? spec.generators.map((g) => (isMapping(g) ? g : {}))
    : [];
  if (generators.length === 0) refuse("has no generator");
  const evaluate = spec.goTemplate === true ? goTemplate : fastTemplate;
  return generators.flatMap((generator, g) => {
    const [name = "", ...others] = Object.keys(generator);
    const place = `spec.generators[${g}]`;
    const { list } = generator;
    if (!isMapping(list) || others.length > 0)
      return refuse(
        `makes its Applications by ${name === "list" ? `a list with ${others.join(", ")}` : `the generator ${name}`} (${place}), which is not run`,
      );
    const own = isMapping(list.template) ? mergeValues(template, list.template) : template;
    return elementsOf(list, `${path}, ${place}.list.elementsYaml`).map((element, e): Target => {
      if (!isMapping(element)) return refuse(`has ${place}.list.elements[${e}], which is no mapping`);
      const application = { apiVersion: document.apiVersion, kind: "Application", ...own };
      return {
        document: evaluate(application, element),
        place: `${nameOf(document)}, ${place}.list.elements[${e}]`,
      };
    });
  });
}

function elementsOf({ elements, elementsYaml }: Values, place: string): unknown[] {
  const own = Array.isArray(elements) ? elements : [];
  if (typeof elementsYaml !== "string" || elementsYaml.trim() === "") return own;
  if (isPlaceholder(elementsYaml))
    throw new MeshproofError("usage", `${place} is a template of another generator, which is not run`, {
      remedy,
    });
  const [document] = parseYamlObjects(elementsYaml, place);
  return [...own, ...(Array.isArray(document?.value) ? document.value : [])];
}

/** Whether its Applications may install Cilium's chart; a folder holds ApplicationSets of other programs too. */
function mayBeCiliums(template: Values): boolean {
  const spec = isMapping(template.spec) ? template.spec : {};
  const sources = [spec.source, ...(Array.isArray(spec.sources) ? spec.sources : [])].filter(isMapping);
  const charts = sources.flatMap(({ chart }) => (typeof chart === "string" ? [chart] : []));
  if (charts.length > 0) return charts.some((chart) => isPlaceholder(chart) || /cilium/i.test(chart));
  return sources.some((source) => source.helm !== undefined) && /cilium/i.test(JSON.stringify(template))
    ? true
    : valuesPlaces({ template }).length > 0;
}

/** `{{ .cluster }}` */
const goTemplate = (value: Values, element: Values): Values =>
  filled(value, (text) => goText(text, element)) as Values;

/** `{{cluster}}` and `{{values.id}}`: fields whose names are joined by dots. */
function fastTemplate(value: Values, element: Values): Values {
  const flat = new Map(flattened(element));
  return filled(value, (text) =>
    text.replace(/\{\{([^{}]*)\}\}/g, (whole, name: string) => flat.get(name.trim()) ?? whole),
  ) as Values;
}

const flattened = (element: Values, above = ""): [string, string][] =>
  Object.entries(element).flatMap(([key, value]): [string, string][] => {
    const name = above === "" ? key : `${above}.${key}`;
    if (isMapping(value)) return flattened(value, name);
    return value === null || typeof value === "object" ? [] : [[name, String(value)]];
  });
