import { randomBytes } from "node:crypto";
import { output } from "./command.ts";
import { isAlive, thisProcess } from "./machine.ts";
import { currentOwner, type Owner } from "./owner.ts";

const prefix = "meshproof-build-";

/**
 * The name of a temporary container of an image build, which contains the owner and the building process. These are not
 * labels, because a committed image keeps its container's labels and passes them to every container made from it.
 */
export async function buildName(): Promise<string> {
  const { pid, pidStart } = await thisProcess();
  return `${prefix}${currentOwner().short}-${pid}-${pidStart}-${randomBytes(4).toString("hex")}`;
}

/** The process of this owner's build container; undefined for containers of other owners or of earlier versions. */
export function builderOf(name: string, { short }: Owner): { pid: number; pidStart: string } | undefined {
  const [, owner, pid, pidStart] = /^meshproof-build-([0-9a-f]{6})-(\d+)-(\d+)-[0-9a-f]+$/.exec(name) ?? [];
  return owner === short && pidStart !== undefined ? { pid: Number(pid), pidStart } : undefined;
}

/** This owner's build containers whose process has ended. */
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
