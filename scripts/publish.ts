// `npm run publish-figures -- FILE`: figures of a series, or a certificate.yaml, into reports/published/; README's table.
import { describeError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { publish, publishCertificate } from "./tools/publish.ts";

guardOutput();
const [file = "", ...command] = process.argv.slice(2);
try {
  const written = file.endsWith(".yaml")
    ? await publishCertificate(file)
    : await publish(
        file,
        command.length > 0
          ? // Words of one command, or a whole line.
            command.length === 1
            ? command.join("")
            : shellQuote(command)
          : "npm run mesh -- up && npm run mesh -- test failover failover-affinity failover-backends failover-rollout failover-rollout-drain failover-migration failover-mesh --repeat 20 --series figures.ndjson",
      );
  for (const made of written) process.stdout.write(`${made}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
process.exit();
