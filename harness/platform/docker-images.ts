import { command, output } from "./command.ts";

export interface DockerImage {
  readonly id: string;
  readonly references: readonly string[];
  /** With the layers that it shares with other images. */
  readonly bytes: number;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

interface Inspected {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly Size: number;
  readonly Created: string;
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null } | null;
}

const lines = (text: string): string[] => [...new Set(text.split("\n").filter((l) => l !== ""))];

export async function listImages(signal: AbortSignal): Promise<DockerImage[]> {
  const ids = lines(await output("docker", ["image", "ls", "-q", "--no-trunc"], { signal }));
  if (ids.length === 0) return [];
  // An image that another command removes meanwhile is missing from the answer.
  const { stdout } = await command("docker", ["image", "inspect", ...ids], { signal, tolerate: true });
  return (JSON.parse(stdout) as readonly Inspected[]).map((i) => ({
    id: i.Id,
    references: i.RepoTags ?? [],
    bytes: i.Size,
    createdAtMs: Date.parse(i.Created),
    labels: i.Config?.Labels ?? {},
  }));
}

/** The ids of the images that containers of any owner were made from, running or not. */
export async function imagesInUse(signal: AbortSignal): Promise<{ container: string; image: string }[]> {
  const ids = lines(await output("docker", ["ps", "-aq", "--no-trunc"], { signal }));
  if (ids.length === 0) return [];
  const format = "{{.Name}}\t{{.Image}}";
  const { stdout } = await command("docker", ["inspect", "--format", format, ...ids], {
    signal,
    tolerate: true,
  });
  return lines(stdout).map((line) => {
    const [name = "", image = ""] = line.split("\t");
    return { container: name.replace(/^\//, ""), image };
  });
}

/** Without force, so that Docker itself refuses an image that a container uses; false if it refused. */
export async function removeImage(reference: string, signal: AbortSignal): Promise<boolean> {
  return (await command("docker", ["image", "rm", reference], { signal, tolerate: true })).exitCode === 0;
}
