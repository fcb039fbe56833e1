// `npm run sysdump -- [LAB [FOLDER]]`: an archive of `cilium sysdump` for each cluster of a lab that has the Cilium CLI.
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { toolWords } from "../command-line.ts";
import { takeSysdumps } from "./sysdump.ts";

guardOutput();
const [lab = "default", folder = "sysdumps"] = toolWords({
  usage: "npm run sysdump -- [LAB [FOLDER]]",
  does: "Takes an archive of `cilium sysdump` of each cluster of a lab that has the Cilium CLI: lab `default`, folder `sysdumps`.",
  most: 2,
});
try {
  for (const file of await takeSysdumps(lab, folder)) process.stdout.write(`${file}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
