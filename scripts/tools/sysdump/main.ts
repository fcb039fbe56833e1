// `npm run sysdump -- LAB FOLDER`: an archive of `cilium sysdump` for each cluster of a lab that has the Cilium CLI.
import { describeError } from "#harness/lib/errors.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { takeSysdumps } from "./sysdump.ts";

guardOutput();
const [lab = "default", folder = "sysdumps"] = process.argv.slice(2);
try {
  for (const file of await takeSysdumps(lab, folder)) process.stdout.write(`${file}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
