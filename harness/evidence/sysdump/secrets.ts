import type { KubeObject } from "#harness/kube/kube.ts";
import { holdsCertificates, holdsSecrets } from "./layout.ts";
import { objectsOf } from "./objects.ts";

type Values = Readonly<Record<string, unknown>>;

/** Secrets with their certificates alone, and cert-manager's Certificates, by the evidence files that hold them. */
export function certificateFiles(
  files: ReadonlyMap<string, string>,
  fail: (name: string, why: string) => void,
): Map<string, string> {
  const read = (holds: (name: string) => boolean): KubeObject[] =>
    [...files].flatMap(([name, text]) => {
      if (!holds(name) || text.trim() === "") return [];
      try {
        return objectsOf(text);
      } catch (error) {
        fail(name, error instanceof Error ? error.message : String(error));
        return [];
      }
    });
  const found = {
    "secrets.json": read(holdsSecrets).map(withoutKeys),
    "cert-manager-certificates.json": read(holdsCertificates).map(({ metadata, spec, status }) => ({
      metadata: named(metadata),
      spec,
      status,
    })),
  };
  return new Map(
    Object.entries(found).flatMap(([name, objects]) =>
      objects.length === 0 ? [] : [[name, JSON.stringify(objects)]],
    ),
  );
}

const named = ({ name, namespace }: KubeObject["metadata"]): object =>
  namespace === undefined ? { name } : { name, namespace };

/** Evidence never holds a private key. */
function withoutKeys({ metadata, ...secret }: KubeObject): object {
  const certificates = (of: unknown): [string, unknown][] =>
    Object.entries((of ?? {}) as Values).filter(([key]) => key.endsWith(".crt"));
  const { data, stringData } = secret as { readonly data?: unknown; readonly stringData?: unknown };
  return {
    metadata: named(metadata),
    data: Object.fromEntries([...certificates(data), ...certificates(stringData)]),
  };
}
