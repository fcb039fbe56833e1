import { z } from "zod";
import { durationMs } from "#harness/lib/duration.ts";
import { profileNames } from "#harness/model/profile.ts";

/** Source of the completions of a word. */
export type Words = "suites" | "faults" | "tags" | "profiles" | "files" | readonly string[];

/** An option of a command: its flag, its help, and the schema that reads its text. */
export interface CliOption<S extends z.ZodType = z.ZodType> {
  /** As commander writes it: `--lab <name>`; without `<...>` it takes no value. */
  readonly flags: string;
  readonly help: string;
  readonly schema: S;
  /** If the flag is not given. */
  readonly byDefault?: unknown;
  readonly repeatable?: true;
  readonly required?: true;
  readonly words?: Words;
}

/** Options of a command, by the names that commander derives from their flags. */
export type Options = Readonly<Record<string, CliOption>>;
export type Parsed<O extends Options> = { readonly [K in keyof O]: z.output<O[K]["schema"]> };

type More = Partial<Pick<CliOption, "byDefault" | "repeatable" | "required" | "words">>;
const option = <S extends z.ZodType>(
  flags: string,
  help: string,
  schema: S,
  more: More = {},
): CliOption<S> => ({
  flags,
  help,
  schema,
  ...more,
});

export const flag = (flags: string, help: string) => option(flags, help, z.boolean(), { byDefault: false });
export const text = (flags: string, help: string, words?: Words) =>
  option(flags, help, z.string().optional(), words === undefined ? {} : { words });
export const textOr = (flags: string, help: string, byDefault: string) =>
  option(flags, help, z.string(), { byDefault });
export const required = (flags: string, help: string) => option(flags, help, z.string(), { required: true });
/** An option that may be repeated. */
export const several = (flags: string, help: string, words?: Words) =>
  option(flags, help, z.array(z.string()).optional(), {
    repeatable: true,
    ...(words === undefined ? {} : { words }),
  });
export const oneOf = <const T extends readonly [string, ...string[]]>(
  flags: string,
  help: string,
  values: T,
) => option(flags, help, z.enum(values, `one of ${values.join(", ")}`).optional(), { words: values });

const whole = (least: number, most: number) =>
  z
    .string()
    .transform((value) => (/^\d+$/.test(value) ? Number(value) : Number.NaN))
    .refine((n) => n >= least && n <= most, `a whole number from ${least} to ${most}`);
const wholeNumber = (flags: string, help: string) => option(flags, help, whole(0, 20).optional());

const secondsOf = z
  .string()
  .regex(/^0*[1-9]\d*s?$/, "a number of seconds, such as 30s")
  .transform((value) => Number.parseInt(value, 10));
export const seconds = (flags: string, help: string) => option(flags, help, secondsOf.optional());
export const secondsOr = (flags: string, help: string, byDefault: number) =>
  option(flags, help, secondsOf, { byDefault });
const positiveNumber = z
  .string()
  .transform(Number)
  .refine((n) => n > 0, "a positive number");
export const positiveOr = (flags: string, help: string, byDefault: number) =>
  option(flags, help, positiveNumber, { byDefault });

const longestTimeoutMs = 500 * 3_600_000;
const timeoutSchema = z
  .string()
  .transform((value) => ({ text: value, ms: durationMs(value) ?? 0 }))
  .refine(({ ms }) => ms > 0 && ms <= longestTimeoutMs, "a duration such as 90s, 60m or 1h30m, at most 500h");
export type Timeout = z.output<typeof timeoutSchema>;

export const timeout = option(
  "--timeout <duration>",
  "end the command after this time, such as 60m; clean-up is not limited",
  timeoutSchema.optional(),
);
export const limit = option(
  "--limit <duration>",
  "begin no further run after this time, such as 5h: the run in progress ends, and the lab is removed",
  timeoutSchema.optional(),
);
const settingsToAsk = { policyDefaultLocalCluster: ["true", "false"] } as const;
const questions = Object.entries(settingsToAsk).flatMap(([key, values]) => values.map((v) => `${key}=${v}`));
export const whatIf = option(
  "--what-if <key=value>",
  "instead: what would change in the mesh if this setting had this value",
  z
    .enum(questions, `one of ${questions.join(", ")}`)
    .transform((text) => ({ key: "policyDefaultLocalCluster" as const, value: text.endsWith("=true") }))
    .optional(),
  { words: questions },
);
export const lab = {
  lab: textOr("--lab <name>", "name of the lab; several labs can exist under different names", "default"),
};
export const json = { json: flag("--json", "print only JSON on standard output") };
export const setup = {
  setup: flag("--setup", "install and start what is missing (Debian, as root)"),
};
export const registryMirror = {
  registryMirror: text("--registry-mirror <host:port>", "plain-HTTP mirror of the public registries"),
};
export const images = {
  images: textOr(
    "--images <source>",
    "registry, source, archive=FILE, or auto: registry if it answers, else the cache, else source",
    "auto",
  ),
};

/** Components of a lab. */
export const plan = {
  ...lab,
  labFile: text(
    "--lab-file <file>",
    "clusters, budgets and values (default: the profile's, in kind-configs/)",
    "files",
  ),
  profile: oneOf("--profile <name>", "how the clusters are meshed (default: the lab file's)", profileNames),
  cilium: several("--cilium <version>", "Cilium version or checkout folder; east=V for one cluster"),
  kubernetes: several("--kubernetes <version>", "Kubernetes version; east=V for one cluster"),
  values: several(
    "--values <file>",
    "Helm values merged over every cluster's; east=FILE for one cluster",
    "files",
  ),
  clusters: wholeNumber(
    "--clusters <n>",
    "number of clusters; those beyond the lab file's are copies of its last",
  ),
  workers: wholeNumber("--workers <n>", "worker nodes per cluster"),
  serviceType: oneOf("--service-type <type>", "how clustermesh-apiserver is exposed", [
    "LoadBalancer",
    "NodePort",
  ]),
};
/** A lab and the source of its images. */
export const labToBuild = { ...plan, ...images, ...registryMirror };

const shardSchema = z
  .string()
  .regex(/^\d{1,4}\/\d{1,4}$/, "I/N, such as 1/3")
  .transform((value) => {
    const [index = 0, count = 0] = value.split("/").map(Number);
    return { index, count };
  })
  .refine(({ index, count }) => index >= 1 && index <= count, "I/N with I from 1 to N, such as 1/3");

/** Which tests run. */
export const selection = {
  tag: several("--tag <tag>", "only suites with this tag; repeatable", "tags"),
  test: several(
    "--test <pattern>",
    "only tests whose title or `suite > title` matches; * matches any text; repeatable",
  ),
  exclude: several("--exclude <pattern>", "exclude this suite, or matching tests; repeatable", "suites"),
  shard: option("--shard <i/n>", "only part I of N, to split a run among machines", shardSchema.optional()),
  suitesDir: text(
    "--suites-dir <dir>",
    "also include the suites of this folder, with their fault tables",
    "files",
  ),
};
export const repeat = {
  repeat: option(
    "--repeat <n>",
    "run every suite, or measure each scenario, this many times",
    whole(1, 1000),
    {
      byDefault: 1,
    },
  ),
};
export const cycles = {
  cycles: option(
    "--cycles <n>",
    "how often everything is upgraded and moved back, each time in a fresh lab; a certificate needs 5",
    whole(1, 100),
    { byDefault: 5 },
  ),
};
/** The selected tests, and when a run stops. */
export const testing = {
  ...selection,
  ...repeat,
  rerunFailed: text(
    "--rerun-failed <run>",
    "only what failed, was unknown or had a set-up error in that run: its id, latest, or its folder",
    "files",
  ),
  mcsConformance: text(
    "--mcs-conformance <file>",
    "after the suites, also run this test binary of MCS-API's conformance programme, and take over its results",
    "files",
  ),
  accept: several(
    "--accept <failure>",
    "do not count this failure: the id of a known defect of Cilium, or 'suite > test'; may be repeated",
  ),
  failFast: flag("--fail-fast", "start no test after the first failure"),
  pauseOnFail: flag(
    "--pause-on-fail",
    "after a suite with a failure keep its namespace, print kubectl lines and wait for Enter",
  ),
};
