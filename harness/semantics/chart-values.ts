import { isMapping } from "#harness/lib/value-at.ts";
import { chartsRead } from "./chart-settings.ts";
import table from "./chart-values.json" with { type: "json" };
import { absent, chartsAround, type Lack, lackOf, leafAt } from "./releases-read.ts";

type Values = Readonly<Record<string, unknown>>;

/**
 * The values of the charts that were read: those that they list, with the types of their values.schema.json, and those
 * that only templates read (`any`). A leaf is `TYPES; VERSION TYPES; ...`, `-` for a chart without the value; a key `*`
 * stands for any other key. Made by scripts/tools/chart-values.
 */
interface Tree {
  readonly [key: string]: Tree | string;
}
const charts: Tree = table;

const otherKeys = "*";

const isIn = (of: Tree | string, chart: string): boolean =>
  typeof of === "string"
    ? leafAt(of, chart) !== absent
    : Object.values(of).some((below) => isIn(below, chart));

const childOf = (of: Tree | string | undefined, key: string): Tree | string | undefined =>
  typeof of === "object" && Object.hasOwn(of, key) ? of[key] : undefined;

const nodeAt = (path: string): Tree | string | undefined =>
  path.split(".").reduce<Tree | string | undefined>((of, key) => childOf(of, key), charts);

const wordsOf = (of: Tree): string[] =>
  Object.entries(of).flatMap(([key, below]) => [
    key.toLowerCase(),
    ...(typeof below === "string" ? [] : wordsOf(below)),
  ]);
const words: ReadonlySet<string> = new Set(wordsOf(charts));

/** Whether any chart has a key of these letters, in any case and at any place. */
export const isChartWord = (key: string): boolean => words.has(key.toLowerCase());

/** Paths of values, of any chart, whose last key matches. */
export function leavesNamed(key: RegExp): string[] {
  const walk = (of: Tree, at: string): string[] =>
    Object.entries(of).flatMap(([name, below]) => {
      const path = at === "" ? name : `${at}.${name}`;
      return typeof below !== "string" ? walk(below, path) : key.test(name) ? [path] : [];
    });
  return walk(charts, "");
}

/** Whether any chart has a value at the top. */
export const isChartKey = (key: string): boolean => Object.hasOwn(charts, key);

/** Whether the chart of a version has a value; false for a version whose chart was not read. */
export function isChartValue(path: string, version: string): boolean {
  const node = nodeAt(path);
  return node !== undefined && chartsAround(version).some((chart) => isIn(node, chart));
}

/** The types that the newest chart with a value accepts there; empty for a mapping, and for a value of no chart. */
export function typesOf(path: string): string[] {
  const node = nodeAt(path);
  if (typeof node !== "string") return [];
  const newest = chartsRead.findLast((chart) => isIn(node, chart));
  return newest === undefined ? [] : leafAt(node, newest).split("|");
}

/** Why the chart of a version does not have a value that another chart has. */
export function valueLack(path: string, version: string): Lack | undefined {
  const node = nodeAt(path);
  return node === undefined ? undefined : lackOf(version, (chart) => isIn(node, chart));
}

/** Whether any chart that was read has a value. */
export const isKnownValue = (path: string): boolean => {
  const node = nodeAt(path);
  return node !== undefined && chartsRead.some((chart) => isIn(node, chart));
};

/** Keys that stand beside a path in the chart of a version. */
export function keysBeside(path: string, version: string): string[] {
  const parent = path.split(".").slice(0, -1).join(".");
  const node = parent === "" ? charts : nodeAt(parent);
  if (typeof node !== "object") return [];
  const around = chartsAround(version);
  return Object.entries(node).flatMap(([key, of]) =>
    key !== otherKeys && around.some((chart) => isIn(of, chart)) ? [key] : [],
  );
}

/** Paths in the chart of a version whose last key is this one. */
export function pathsTo(key: string, version: string): string[] {
  const around = chartsAround(version);
  const walk = (of: Tree, at: string): string[] =>
    Object.entries(of).flatMap(([name, below]) => {
      const path = at === "" ? name : `${at}.${name}`;
      const own = name === key && around.some((chart) => isIn(below, chart)) ? [path] : [];
      return typeof below === "string" ? own : [...own, ...walk(below, path)];
    });
  return walk(charts, "");
}

/** Keys of Helm, and those by which people keep parts of a file to repeat them. */
const notOfChart = /^(global$|x-|[._])/;

/** Paths of values that the chart of a version does not read, at most one on each branch. */
export function ignoredPaths(values: Values, version: string): string[] {
  const around = chartsAround(version);
  const walk = (own: Values, of: Tree, at: string): string[] =>
    Object.entries(own).flatMap(([key, value]) => {
      const path = at === "" ? key : `${at}.${key}`;
      // Null takes a value away.
      if (value === null || (at === "" && notOfChart.test(key))) return [];
      const below = childOf(of, key);
      if (below === undefined) return [path];
      const isRead = around.some((chart) => isIn(below, chart));
      if (typeof below === "string" || !isMapping(value) || Object.keys(value).length === 0)
        return isRead ? [] : [path];
      return isRead && below[otherKeys] !== undefined ? [] : walk(value, below, path);
    });
  return around.length === 0 ? [] : walk(values, charts, "");
}

interface WrongType {
  readonly path: string;
  readonly value: unknown;
  /** The types that the chart's schema accepts: `boolean`, `"Disk"`. */
  readonly wants: readonly string[];
}

/** Marks of Octopus and Azure Pipelines, of sed and CMake, of Zarf, and of cmd. */
const tokens = /#\{[\w.-]+\}|__[A-Z][A-Z0-9_]*__|@[A-Z][A-Z0-9_.]*@|###ZARF_\w+###|^%\w+%$/;

/** Text that a template, a shell or Terraform replaces before the chart sees it; in all of them `$${a}` is `${a}` itself. */
export const isReplaced = (value: unknown): boolean =>
  typeof value === "string" && (/\{\{|(?<!\$)\$[\w({]|^<.*>$/.test(value) || tokens.test(value));

/** Values, as they are written, that the chart of a version refuses because of their type. */
export function wrongTypes(values: Values, version: string): WrongType[] {
  const around = chartsAround(version);
  const walk = (own: Values, of: Tree, at: string): WrongType[] =>
    Object.entries(own).flatMap(([key, value]) => {
      const path = at === "" ? key : `${at}.${key}`;
      const below = childOf(of, key);
      if (value === null || below === undefined || isReplaced(value)) return [];
      if (typeof below !== "string") {
        if (isMapping(value)) return walk(value, below, path);
        return around.every((c) => isListedIn(below, c)) ? [{ path, value, wants: ["object"] }] : [];
      }
      const wants = around.map((chart) => leafAt(below, chart).split("|"));
      const isRefused = wants.every((types) => !types.some((type) => fits(value, type)));
      return isRefused ? [{ path, value, wants: wants.at(-1) ?? [] }] : [];
    });
  return around.length === 0 ? [] : walk(values, charts, "");
}

/** The schema has no type for what only templates read. */
const isListedIn = (of: Tree | string, chart: string): boolean =>
  typeof of === "string"
    ? ![absent, "any"].includes(leafAt(of, chart))
    : Object.values(of).some((below) => isListedIn(below, chart));

function fits(value: unknown, type: string): boolean {
  if (type === "any" || type === absent) return true;
  if (type.startsWith('"')) return JSON.stringify(value) === type;
  if (type === "object") return isMapping(value);
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return typeof value === "number" && Number.isInteger(value);
  return typeof value === type;
}
