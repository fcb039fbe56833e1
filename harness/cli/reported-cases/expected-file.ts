import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

/** A word of a phrase: several are alternatives. */
const wordSchema = z.union([z.string().min(1), z.array(z.string().min(1)).min(2)]);

/** Words that must all be in one statement of the output. */
const phraseSchema = z.array(wordSchema).min(1);
export type Phrase = Infer<typeof phraseSchema>;

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const placeFields = {
  /** A file that the command writes. */
  file: z.string(),
  /** An object in that file: `Deployment shop/cart`. */
  object: z
    .string()
    .regex(/^\w+ [\w.-]+\/[\w.-]+$/, "Kind namespace/name")
    .exactOptional(),
  /** Keys, and indices of lists; with dots between them if none has one. */
  at: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
};
const heldSchema = z
  .strictObject({ ...placeFields, is: scalar.exactOptional(), has: scalar.exactOptional() })
  .refine((h) => (h.is === undefined) !== (h.has === undefined), "give one of `is` and `has`");
/** A value in a file that the command writes. `has` is an element of a list. */
export type Held = Infer<typeof heldSchema>;

const lackedSchema = z.strictObject({ ...placeFields, is: scalar.exactOptional() });
/** A value that a written file must not have: any, or this one. */
export type Lacked = Infer<typeof lackedSchema>;

const id = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "lower-case words with '-' between them");
const byId = <S extends z.ZodType>(schema: S) => z.record(id, schema);

const common = {
  /** Who reported it. */
  source: z.string().min(1),
  /** The words of the command line: files of the folder, or NAME=FILE. */
  files: z.array(z.string().min(1)).min(1),
  exit: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
  /** The file that a refusal names. */
  refuses: z.string().exactOptional(),
  /** The first statement of the output. */
  first: phraseSchema.exactOptional(),
  /** Statements that must be in the output, in any order. */
  names: byId(phraseSchema).default({}),
  /** Statements that must not be in the output. */
  not: byId(phraseSchema).default({}),
  /** Where the report allows several answers: why this one, by the expectation's id (`exit`, `names.ID`). */
  chosen: z.record(z.string(), z.string().min(1)).default({}),
};

const labSchema = z.strictObject({
  /** What `up --lab-file` says of the lab file before it makes anything. */
  up: z.literal("accepted"),
  holds: byId(heldSchema).default({}),
  lacks: byId(lackedSchema).default({}),
});

const expectedSchema = z
  .discriminatedUnion("command", [
    z.strictObject({ command: z.literal("repro --plan"), ...common, lab: labSchema.exactOptional() }),
    z.strictObject({ command: z.literal("diagnose"), ...common }),
    /** `setting` is the question: policyDefaultLocalCluster=true. */
    z.strictObject({ command: z.literal("diagnose --what-if"), ...common, setting: z.string() }),
  ])
  .refine(
    (e) => e.refuses === undefined || (e.exit === 2 && !("lab" in e)),
    "a refusal has exit 2, and writes no lab",
  )
  .refine((e) => e.refuses !== undefined || e.exit !== 2, "exit 2 needs `refuses`")
  .superRefine((e, { addIssue }) => {
    for (const key of Object.keys(e.chosen))
      if (!expectationsOf(e).includes(key))
        addIssue({ code: "custom", path: ["chosen", key], message: "there is no such expectation" });
  });
/** `expected.yaml` of a reported case: what the command must do with the folder's files. */
export type Expected = Infer<typeof expectedSchema>;

export const expectedFormat: RecordFormat<Expected> = { schema: expectedSchema };

/** The ids of all expectations of a case. */
export function expectationsOf(expected: Pick<Expected, "refuses" | "first" | "names" | "not">): string[] {
  const lab = (expected as { readonly lab?: z.infer<typeof labSchema> }).lab;
  const under = (prefix: string, of: object): string[] => Object.keys(of).map((key) => `${prefix}.${key}`);
  return [
    "exit",
    ...(expected.refuses === undefined ? [] : ["refuses"]),
    ...(expected.first === undefined ? [] : ["first"]),
    ...under("names", expected.names),
    ...under("not", expected.not),
    ...(lab === undefined
      ? []
      : ["lab.up", ...under("lab.holds", lab.holds), ...under("lab.lacks", lab.lacks)]),
  ];
}
