import semver from "semver";
import { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type UpgradePair, upgradePairSchema } from "#harness/model/certification-journal.ts";
import { readYaml, validate } from "./yaml-file.ts";

const matrixSchema = z.strictObject({
  pairs: z.array(upgradePairSchema).min(1, "name at least one pair of versions"),
});

/** `pairs: [{ from: "1.19.7", to: "1.20.2" }]` */
export async function readMatrix(path: string): Promise<readonly UpgradePair[]> {
  const { pairs } = validate(
    matrixSchema,
    await readYaml(path, "--matrix"),
    path,
    'write for example pairs: [{ from: "1.19.7", to: "1.20.2" }]',
  );
  return pairs.map(checkPair);
}

/** The version of a release, which may be written as its tag (`v1.20.2`). Throws `usage` for another text. */
export function checkVersion(option: "from" | "to", text: string): string {
  const version = text.replace(/^v(?=\d)/, "");
  if (!upgradePairSchema.shape[option].safeParse(version).success || semver.valid(version) === null)
    throw new MeshproofError("usage", `--${option} ${text} is not a version such as 1.20.2`);
  return version;
}

export function checkPair(given: UpgradePair): UpgradePair {
  const pair = { from: checkVersion("from", given.from), to: checkVersion("to", given.to) };
  if (pair.from === pair.to)
    throw new MeshproofError("usage", `--from and --to are both ${pair.from}`, {
      remedy: "name the version that runs now and the one to move to",
    });
  return pair;
}
