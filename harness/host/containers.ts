import { GenericContainer, type StartedTestContainer } from "testcontainers";
import { command } from "./command.ts";
import { labLabel } from "./docker.ts";

// Its reaper is an image that may be out of reach; the lab's label and `down --all` do that work.
process.env.TESTCONTAINERS_RYUK_DISABLED = "true";

const neverPull = new (class {
  shouldPull(): boolean {
    return false;
  }
})();

/** A client on the lab's network that belongs to neither cluster. */
export async function startOutsideClient(
  lab: string,
  network: string,
  proberImage: string,
): Promise<{ readonly id: string } & AsyncDisposable> {
  const container: StartedTestContainer = await new GenericContainer(proberImage)
    .withPullPolicy(neverPull)
    .withNetworkMode(network)
    .withLabels({ [labLabel]: lab })
    .withCommand(["idle"])
    .start();
  // Eight times a node's weight: the client must not wait for what it measures.
  await command("docker", ["update", "--cpu-shares", "8192", container.getId()]);
  return {
    id: container.getId(),
    async [Symbol.asyncDispose]() {
      await container.stop({ timeout: 1000, remove: true, removeVolumes: true });
    },
  };
}
