import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** The front matter of a module's README: what the module may import. */
const rule = z.strictObject({
  /** Modules that its files may import. */
  imports: z.array(z.string()),
  /** Further modules that its tests may import. */
  tests: z.array(z.string()).default([]),
  /** npm packages that only this module, and others with the same entry, may import. */
  owns: z.array(z.string()).default([]),
});
export type Rule = z.infer<typeof rule>;
export type Rules = ReadonlyMap<string, Rule>;

/** Folders whose README declares an import rule, by module name: `harness/kube` is `kube`, `suites` is `suites`. */
const readmes = ["harness/*/README.md", "suites/README.md", "scripts/README.md"];

/** Reads every module's rule from `root`. Throws if a README has no front matter, or an invalid one. */
export function readRules(root: string): Rules {
  return new Map(
    readmes
      .flatMap((pattern) => globSync(pattern, { cwd: root }))
      .map((file) => {
        const front = /^---\n([\s\S]*?)\n---\n/.exec(readFileSync(join(root, file), "utf8"))?.[1];
        if (front === undefined) throw new Error(`${file} does not begin with its import rule (--- ... ---)`);
        return [dirname(file).replace(/^harness\//, ""), rule.parse(parse(front))] as const;
      }),
  );
}
