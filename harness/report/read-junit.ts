import { convert } from "xmlbuilder2";
import { z } from "zod";

/** One test case of another program's JUnit file. */
export interface JunitCase {
  readonly name: string;
  readonly durationMs: number;
  readonly state: "passed" | "failed" | "skipped";
  /** The first line of why it did not pass. */
  readonly message: string;
}

const detail = z.looseObject({ "@message": z.string().optional() });
/** The converter gives an element without attributes as text, and one that is repeated as a list. */
const element = z.union([detail, z.string()]);
const oneOrMore = <T extends z.ZodType>(schema: T) =>
  z
    .union([z.array(schema), schema])
    .optional()
    .transform(
      (found) => (found === undefined ? [] : Array.isArray(found) ? found : [found]) as z.output<T>[],
    );

const caseSchema = z.looseObject({
  "@name": z.string(),
  "@time": z.string().optional(),
  "@classname": z.string().optional(),
  failure: oneOrMore(element),
  error: oneOrMore(element),
  skipped: oneOrMore(element),
});
const suiteSchema = z.looseObject({ testcase: oneOrMore(caseSchema) });
const fileSchema = z.union([
  z.looseObject({ testsuites: z.looseObject({ testsuite: oneOrMore(suiteSchema) }) }),
  // An absent list reads as an empty one, so any other document would fit.
  z
    .looseObject({ testsuite: oneOrMore(suiteSchema) })
    .refine((file) => file.testsuite.length > 0, "no testsuite"),
]);

/** The cases of a JUnit file. Throws if the text is not JUnit. */
export function readJunit(text: string): JunitCase[] {
  const file = fileSchema.parse(convert(text, { format: "object" }));
  const suites =
    "testsuites" in file ? (file.testsuites as { testsuite: unknown }).testsuite : file.testsuite;
  return (suites as z.output<typeof suiteSchema>[]).flatMap((suite) => suite.testcase.map(caseOf));
}

function caseOf(found: z.output<typeof caseSchema>): JunitCase {
  const failed = [...found.failure, ...found.error];
  const [why] = [...failed, ...found.skipped];
  const message = typeof why === "string" ? why : (why?.["@message"] ?? "");
  return {
    name: found["@name"],
    durationMs: Math.round(Number(found["@time"] ?? 0) * 1000) || 0,
    state: failed.length > 0 ? "failed" : found.skipped.length > 0 ? "skipped" : "passed",
    message: message.trim().split("\n", 1)[0] ?? "",
  };
}
