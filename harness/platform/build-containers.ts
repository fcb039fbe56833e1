import { randomBytes } from "node:crypto";
import { output } from "./command.ts";
import { isAlive, thisProcess } from "./machine.ts";
import { currentOwner, type Owner } from "./owner.ts";

const prefix = "meshproof-build-";

/**
 * The name of a container that an image build needs for a moment: it tells the owner and the process that builds. No
 * label says it: an image that is committed keeps its container's labels, and gives them to every container that is
 * ever made from it.
 */
export async function buildName(): Promise<string> {
  const { pid, pidStart } = await thisProcess();
  return `${prefix}${currentOwner().short}-${pid}-${pidStart}-${randomBytes(4).toString("hex")}`;
}

/** The process behind a build container of this owner; nothing for containers of others, or of earlier versions. */
export function builderOf(name: string, { short }: Owner): { pid: number; pidStart: string } | undefined {
  const [, owner, pid, pidStart] = /^meshproof-build-([0-9a-f]{6})-(\d+)-(\d+)-[0-9a-f]+$/.exec(name) ?? [];
  return owner === short && pidStart !== undefined ? { pid: Number(pid), pidStart } : undefined;
}

/** This owner's build containers whose process is gone. */
export async function abandonedBuilds(): Promise<{ id: string; name: string }[]> {
  const lines = (await output("docker", ["ps", "-a", "--format", "{{.ID}} {{.Names}}"])).split("\n");
  const owner = currentOwner();
  const abandoned: { id: string; name: string }[] = [];
  for (const line of lines) {
    const [id = "", name = ""] = line.split(" ");
    const builder = builderOf(name, owner);
    if (builder !== undefined && !(await isAlive(builder))) abandoned.push({ id, name });
  }
  return abandoned;
}
