import type { Progress } from "#harness/lib/progress.ts";
import type { ImageSource, Versions } from "#harness/model/artifacts.ts";

export interface ArtifactRequest {
  /** By cluster name. */
  readonly clusters: ReadonlyMap<string, Versions>;
  readonly source: ImageSource | "auto";
  readonly archive?: string;
  readonly registryMirror?: string;
  /** Also the Cilium CLI, which only profile cli uses. */
  readonly withCiliumCli?: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}
