import { z } from "zod";
import { MeshproofError } from "#harness/lib/errors.ts";
import { readYaml, validate } from "./yaml-file.ts";

const version = z.string().regex(/^\d+\.\d+\.\d+$/, "a version such as 1.19.4, in quotes");

const matrixSchema = z.strictObject({
  pairs: z.array(z.strictObject({ from: version, to: version })).min(1, "name at least one pair of versions"),
});

export type UpgradePair = z.infer<typeof matrixSchema>["pairs"][number];

/** `pairs: [{ from: "1.19.1", to: "1.19.4" }]` */
export async function readMatrix(path: string): Promise<readonly UpgradePair[]> {
  const { pairs } = validate(
    matrixSchema,
    await readYaml(path, "--matrix"),
    path,
    'write for example pairs: [{ from: "1.19.1", to: "1.19.4" }]',
  );
  return pairs.map(checkPair);
}

export function checkPair(pair: UpgradePair): UpgradePair {
  for (const [option, value] of Object.entries(pair))
    if (!version.safeParse(value).success)
      throw new MeshproofError("usage", `--${option} ${value} is not a version such as 1.19.4`);
  if (pair.from === pair.to)
    throw new MeshproofError("usage", `--from and --to are both ${pair.from}`, {
      cure: "name the version that runs now and the one to move to",
    });
  return pair;
}
