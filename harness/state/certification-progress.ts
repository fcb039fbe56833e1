import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkLabName } from "#harness/config/lab-name.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import {
  type CertificationProgress,
  certificationProgressFormat,
} from "#harness/model/certification-progress.ts";
import { stateDir, writeAtomic } from "#harness/platform/paths.ts";

/** Beside the labs' folders: each cycle's lab is removed before the next one is created. */
const fileOf = (lab: string): string => join(stateDir(), "certifications", `${checkLabName(lab)}.json`);

/** Undefined if the lab has no unfinished certification. */
export async function readProgress(lab: string): Promise<CertificationProgress | undefined> {
  const file = fileOf(lab);
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined
    ? undefined
    : parseRecord(text, certificationProgressFormat, {
        what: `the progress of the certification in lab ${lab} (${file})`,
        remedy: `run \`${meshCommand("down", "--lab", lab)}\`, then certify again`,
        notJsonCode: "lab-broken",
      });
}

export const writeProgress = (progress: CertificationProgress): Promise<void> =>
  writeAtomic(fileOf(progress.lab), JSON.stringify(progress), 0o600);

export const forgetProgress = (lab: string): Promise<void> => rm(fileOf(lab), { force: true });
