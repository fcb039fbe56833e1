import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { readUserFile } from "#harness/config/user-file.ts";
import { parsing, validate } from "#harness/config/yaml-file.ts";
import { MeshproofError } from "#harness/lib/errors.ts";

/** Entries of a kubeconfig by name; only those of the used contexts are validated. */
const entries = z.array(z.looseObject({ name: z.string() })).nullish();
const kubeconfigSchema = z.looseObject({ contexts: entries, clusters: entries, users: entries });
type Kubeconfig = z.infer<typeof kubeconfigSchema>;

const contextSchema = z.looseObject({
  context: z.looseObject({ cluster: z.string(), user: z.string().optional() }),
});
const clusterSchema = z.looseObject({
  cluster: z.looseObject({ server: z.url(), "certificate-authority": z.string().optional() }),
});
const userSchema = z.looseObject({
  user: z.looseObject({
    "client-certificate": z.string().optional(),
    "client-key": z.string().optional(),
    tokenFile: z.string().optional(),
  }),
});

const remedy = "use a kubeconfig that kubectl can read";

/** A kubeconfig, and where its path was given. */
export interface NamedKubeconfig {
  readonly path: string;
  readonly what: string;
}

/** The kubeconfig of `--kubeconfig`, else the first of `$KUBECONFIG`, else kubectl's default. */
export function namedKubeconfig(option: string | undefined): NamedKubeconfig {
  if (option !== undefined) return { path: option, what: "--kubeconfig" };
  const [first] = (process.env.KUBECONFIG ?? "").split(":").filter((p) => p !== "");
  if (first !== undefined) return { path: first, what: "$KUBECONFIG" };
  return { path: join(homedir(), ".kube/config"), what: "the default kubeconfig" };
}

/**
 * Throws `config-invalid` if the kubeconfig or a file that it names cannot be read, or if it lacks one of the contexts or
 * an entry that a context refers to. Sends no request to a cluster.
 */
export function checkKubeconfig({ path, what }: NamedKubeconfig, contexts: readonly string[]): void {
  const text = readUserFile(path, what, `give --kubeconfig FILE or set KUBECONFIG; ${remedy}`);
  const parsed: unknown = parsing(path, what, text, (t) => parseYaml(t, { logLevel: "error" }));
  const kubeconfig = validate(kubeconfigSchema, parsed, `${path} (${what})`, remedy);
  for (const context of contexts) checkContext(kubeconfig, context, { path, what });
}

function checkContext(kubeconfig: Kubeconfig, name: string, { path, what }: NamedKubeconfig): void {
  const place = (list: string): string => `${path} (${what}): ${list}`;
  const find = <T>(list: "contexts" | "clusters" | "users", entry: string, schema: z.ZodType<T>): T => {
    const all = kubeconfig[list] ?? [];
    const found = all.find((e) => e.name === entry);
    if (found !== undefined) return validate(schema, found, place(`${list} ${entry}`), remedy);
    const names = all.map((e) => e.name).join(", ");
    throw new MeshproofError("config-invalid", `${place(`no ${list.slice(0, -1)} ${entry}`)}`, {
      remedy: names === "" ? `it has no ${list}: ${remedy}` : `name one of ${names}`,
    });
  };
  const { context } = find("contexts", name, contextSchema);
  const { cluster } = find("clusters", context.cluster, clusterSchema);
  const files: [string, string | undefined][] = [["certificate-authority", cluster["certificate-authority"]]];
  if (context.user !== undefined) {
    const { user } = find("users", context.user, userSchema);
    for (const key of ["client-certificate", "client-key", "tokenFile"] as const)
      files.push([key, user[key]]);
  }
  for (const [key, file] of files)
    if (file !== undefined && file !== "") readUserFile(resolve(dirname(path), file), `${key} in ${path}`);
}
