import { command, output } from "./command.ts";

export interface DockerContainer {
  readonly id: string;
  readonly name: string;
  /** Docker's state: running, paused, exited... */
  readonly state: string;
  /** The network on which it was created, by name or id. */
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface DockerNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The daemon's containers and networks, of every owner. */
export interface DockerListing {
  readonly containers: readonly DockerContainer[];
  readonly networks: readonly DockerNetwork[];
}

/** Lists containers in any state, and networks, without those that are removed during the listing. */
export async function listDocker(): Promise<DockerListing> {
  const containers = await inspectAll(
    ["ps", "-aq", "--no-trunc"],
    ["inspect", "--type", "container"],
    [".Id", ".Name", ".State.Status", ".HostConfig.NetworkMode", ".Config.Labels"],
  );
  const networks = await inspectAll(
    ["network", "ls", "-q", "--no-trunc"],
    ["network", "inspect"],
    [".Id", ".Name", ".Labels"],
  );
  return {
    containers: containers.map(([id, name, state, network, labels]) => ({
      id: String(id),
      name: String(name).replace(/^\//, ""),
      state: String(state),
      network: String(network),
      labels: labelsOf(labels),
    })),
    networks: networks.map(([id, name, labels]) => ({
      id: String(id),
      name: String(name),
      labels: labelsOf(labels),
    })),
  };
}

/** One row of JSON values for each object. */
async function inspectAll(
  list: readonly string[],
  inspect: readonly string[],
  fields: readonly string[],
): Promise<unknown[][]> {
  const ids = (await output("docker", list)).split("\n").filter((id) => id !== "");
  if (ids.length === 0) return [];
  const format = `[${fields.map((f) => `{{json ${f}}}`).join(",")}]`;
  // Objects removed meanwhile only give an error; the others are still printed.
  const { stdout } = await command("docker", [...inspect, "--format", format, ...ids], { tolerate: true });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown[]);
}

const labelsOf = (value: unknown): Record<string, string> =>
  typeof value === "object" && value !== null ? (value as Record<string, string>) : {};
