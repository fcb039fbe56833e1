import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { type Kube, kinds } from "#harness/kube/kube.ts";

const releaseSchema = z.object({
  version: z.number().catch(0),
  config: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * The operator's own values of the Helm release that runs, from the Secret in which Helm keeps it; undefined without one
 * (GitOps tools that apply manifests leave none). They may hold keys: nothing may print them as a whole.
 */
export async function installedValues({
  kube,
}: {
  readonly kube: Pick<Kube, "list">;
}): Promise<Readonly<Record<string, unknown>> | undefined> {
  const secrets = await kube.list(kinds.secret, "kube-system", "owner=helm,name=cilium,status=deployed");
  const releases = secrets.map(({ data }) =>
    decoded((data as { release?: string } | undefined)?.release ?? ""),
  );
  const [newest] = releases.toSorted((a, b) => b.version - a.version);
  return newest === undefined ? undefined : (newest.config ?? {});
}

/** Helm compresses and encodes a release; the API server encodes the Secret once more. */
function decoded(release: string): z.infer<typeof releaseSchema> {
  const packed = Buffer.from(Buffer.from(release, "base64").toString(), "base64");
  return releaseSchema.parse(JSON.parse(gunzipSync(packed).toString()));
}
