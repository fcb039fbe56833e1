import { parseArgs } from "node:util";
import { faultNamed } from "#harness/faults/index.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

export const help = `npm run diagnose-trial -- [LAB [COUNT [SEED]]] [--fault NAME]... [--reported] [--sysdump] [--fixtures] [--remedies] [--resume FILE]

Injects faults into the lab that is up, one at a time, with a global service deployed: \`diagnose\` must name the target in its
first finding, on the running lab and again from the files of that evidence. Before each fault it must find nothing broken.

  LAB          default: \`default\`
  COUNT        faults that are drawn by the seed; 12 by default, none by default with --fault and without --reported
  SEED         repeats the draw; it is printed first
  --fault      this fault; may be repeated
  --reported   every fault of harness/faults/reported-faults.yaml, and COUNT others
  --sysdump    also from archives of \`cilium sysdump\`, one a cluster (lab with the Cilium CLI: \`up --profile cli\`)
  --fixtures   writes harness/diagnose/fixtures/FAULT.json.gz for a fault of harness/faults/awaited-fixtures.yaml
  --remedies   runs the commands of the first finding's next step, and of further findings of its kind, in place of healing: then
               nothing may be broken within 4 minutes, and the global service must answer across clusters. Rule for the
               commands: docs/guides/diagnose.md. The fault's own heal follows in any case.
  --resume     appends to FILE, and skips the faults that passed all that is asked for

Each result is a line of JSON in reports/RUN/diagnose-trial.jsonl. Exit code 0: all passed, or had a next step without a
command, which counts separately; 1: one failed, or none passed; 2: bad arguments, or the lab is not up or busy.
`;

export interface TrialOptions {
  readonly lab: string;
  readonly count: number;
  readonly seed: number;
  readonly faults: readonly string[];
  readonly reported: boolean;
  readonly sysdump: boolean;
  readonly fixtures: boolean;
  readonly remedies: boolean;
  readonly resume?: string;
}

const usage = (message: string): MeshproofError =>
  new MeshproofError("usage", message, { remedy: "npm run diagnose-trial -- --help" });

function numberOf(text: string | undefined, name: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw usage(`${name} ${text} is not a number`);
  return Number(text);
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        fault: { type: "string", multiple: true },
        reported: { type: "boolean" },
        sysdump: { type: "boolean" },
        fixtures: { type: "boolean" },
        remedies: { type: "boolean" },
        resume: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw usage(messageOf(error));
  }
}

/** Undefined for `--help`. Throws `usage` for what is not known, a fault among it. */
export function trialOptions(words: readonly string[], otherSeed: number): TrialOptions | undefined {
  const { values, positionals } = parsed(words);
  if (values.help === true) return undefined;
  const [lab = "default", count, seed, ...more] = positionals;
  if (more.length > 0) throw usage(`unknown argument ${more.join(" ")}`);
  const names = [...new Set(values.fault ?? [])];
  for (const name of names) faultNamed(name);
  const { resume } = values;
  const options = {
    lab,
    count: numberOf(count, "COUNT", names.length > 0 && values.reported !== true ? 0 : 12),
    seed: numberOf(seed, "SEED", otherSeed),
    faults: names,
    reported: values.reported === true,
    sysdump: values.sysdump === true,
    fixtures: values.fixtures === true,
    remedies: values.remedies === true,
    ...(resume === undefined ? {} : { resume }),
  };
  // Without a fault, all would pass.
  if (options.count === 0 && names.length === 0 && !options.reported)
    throw usage("COUNT is 0: no fault is named");
  return options;
}
