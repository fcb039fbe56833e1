// `npm run publish-figures -- SERIES... [-- COMMAND]`, `-- CERTIFICATE.yaml` or `-- --pages`: writes reports/published/
// and the generated parts of the pages.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { writePages } from "./pages.ts";
import { publish, publishCertificate } from "./publish.ts";

guardOutput();
const words = process.argv.slice(2);
const end = words.includes("--") ? words.indexOf("--") : words.length;
const files = words.slice(0, end);
const command = words.slice(end + 1);

async function run(): Promise<string[]> {
  const [first] = files;
  if (first === "--pages") return writePages();
  if (first?.endsWith(".yaml") === true) return publishCertificate(first);
  // Words of one command, or a whole line.
  const line = command.length === 1 ? command.join("") : shellQuote(command);
  if (files.length === 0 || line === "")
    throw new MeshproofError(
      "usage",
      "publish-figures needs series and the command that measures them again",
      {
        remedy:
          'npm run publish-figures -- reports/campaigns/NAME/series.ndjson -- "npm run mesh -- measure PLAN"',
      },
    );
  return publish(files, line, (text) => process.stderr.write(`${text}\n`));
}

try {
  for (const made of await run()) process.stdout.write(`${made}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
process.exit();
