import { z } from "zod";
import { code, plain, table } from "./markdown.ts";

/** The parts of a JSON Schema from `z.toJSONSchema` that the reference shows. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly $ref?: string;
}

const schema: z.ZodType<JsonSchema> = z.lazy(() =>
  z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).exactOptional(),
    description: z.string().exactOptional(),
    default: z.unknown().exactOptional(),
    const: z.unknown().exactOptional(),
    enum: z.array(z.unknown()).exactOptional(),
    anyOf: z.array(schema).exactOptional(),
    items: schema.exactOptional(),
    properties: z.record(z.string(), schema).exactOptional(),
    required: z.array(z.string()).exactOptional(),
    additionalProperties: z.union([z.boolean(), schema]).exactOptional(),
    $ref: z.string().exactOptional(),
  }),
);

export const readJsonSchema = (value: unknown): JsonSchema => schema.parse(value);

/** A key of a document: `clusters[].name`, `values.*`. */
export interface Key {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** Every key of a document, parents before their children. */
export function keysOf(root: JsonSchema, prefix = ""): Key[] {
  const own = Object.entries(root.properties ?? {}).flatMap(([name, inner]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const required = root.required?.includes(name) ?? false;
    return [{ path, schema: inner, required }, ...keysOf(inner, path)];
  });
  const items = root.items === undefined ? [] : keysOf(root.items, `${prefix}[]`);
  const others =
    typeof root.additionalProperties === "object" ? keysOf(root.additionalProperties, `${prefix}.*`) : [];
  return [...own, ...items, ...others, ...(root.anyOf ?? []).flatMap((part) => keysOf(part, prefix))];
}

/** A type in words: `array of string`, `"a" or "b"`, `map of number`. */
export function typeOf(of: JsonSchema): string {
  if (of.const !== undefined) return code(JSON.stringify(of.const));
  if (of.enum !== undefined) return of.enum.map((v) => code(JSON.stringify(v))).join(" or ");
  if (of.anyOf !== undefined) return [...new Set(of.anyOf.map(typeOf))].join(" or ");
  if (of.type === "array") return `array of ${of.items === undefined ? "anything" : typeOf(of.items)}`;
  if (of.type === "object" && of.properties === undefined) {
    const values = typeof of.additionalProperties === "object" ? typeOf(of.additionalProperties) : "anything";
    return `map of ${values}`;
  }
  if (of.type === undefined) return "anything";
  return typeof of.type === "string" ? of.type : of.type.join(" or ");
}

/** Keys with type, need and meaning, for a file that Meshproof writes. */
export const writtenKeys = (keys: readonly Key[]): string =>
  table(
    ["key", "type", "always present", "meaning"],
    keys.map((k) => [code(k.path), typeOf(k.schema), k.required ? "yes" : "no", meaningOf(k.schema)]),
  );

/** Keys with type, default and meaning, for a file that a user writes. */
export const readKeys = (keys: readonly Key[]): string =>
  table(
    ["key", "type", "default", "meaning"],
    keys.map((k) => [code(k.path), typeOf(k.schema), defaultOf(k), meaningOf(k.schema)]),
  );

function defaultOf({ schema: of, required }: Key): string {
  if (of.default !== undefined) return code(JSON.stringify(of.default));
  return required ? "required" : "";
}

export const meaningOf = ({ description = "" }: JsonSchema): string => plain(description);
