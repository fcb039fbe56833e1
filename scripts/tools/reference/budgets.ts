import { z } from "zod";
import { budgetsSchema, rigSchema } from "#harness/model/budgets.ts";
import { type JsonSchema, meaningOf, readJsonSchema } from "./json-schema.ts";
import { code, type Page, page, table } from "./markdown.ts";

/** Every budget and limit of the test machine with its default. */
export function budgetsPage(): Page {
  return page(
    "budgets.md",
    "Budgets",
    "Numbers that verdicts depend on. A lab file may change them under `budgets` and `rig`. The ending of a name is its unit: `Ms` is milliseconds.",
    "## Budgets",
    "Most are limits: a test whose measurement exceeds one fails. The others set how tests measure and judge.",
    limits(budgetsSchema),
    "## Limits of the test machine",
    "The key `rig` of a lab file. If one of these is exceeded, a verdict is `unknown`: the test machine, not Cilium, was at fault.",
    limits(rigSchema),
  );
}

function limits(schema: z.ZodType): string {
  const { properties = {} } = readJsonSchema(z.toJSONSchema(schema, { io: "input" }));
  return table(
    ["key", "default", "meaning"],
    Object.entries(properties).map(([key, of]) => [code(key), defaultOf(key, of), meaningOf(of)]),
  );
}

/** With the unit where a reader would have to count zeros. */
function defaultOf(key: string, of: JsonSchema): string {
  const value = Number(of.default);
  if (key.endsWith("Ms") && value >= 1000) return `${code(String(value))} (${value / 1000} s)`;
  if (key.endsWith("Ms")) return `${code(String(value))} (ms)`;
  if (key.endsWith("Bytes")) return `${code(String(value))} (${value / 1024 ** 3} GiB)`;
  return code(String(value));
}
