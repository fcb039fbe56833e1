// `npm run publish-figures`, `-- CERTIFICATE.yaml` or `-- --pages`: writes reports/published/ and the generated parts
// of the pages.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { writePages } from "./pages.ts";
import { publish, publishCertificate } from "./publish.ts";

guardOutput();
const [word, ...rest] = process.argv.slice(2);

async function run(): Promise<string[]> {
  if (rest.length === 0 && word === "--pages") return writePages();
  if (rest.length === 0 && word?.endsWith(".yaml") === true) return publishCertificate(word);
  if (word === undefined) return publish((text) => process.stderr.write(`${text}\n`));
  throw new MeshproofError("usage", `publish-figures does not understand: ${[word, ...rest].join(" ")}`, {
    remedy:
      "npm run publish-figures publishes every complete campaign below reports/campaigns/; give a certificate.yaml or --pages for the other two uses",
  });
}

try {
  for (const made of await run()) process.stdout.write(`${made}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
