// `npm run publish-figures -- SERIES`: figures of a series into reports/published/ and the README's table.
import { describeError } from "#harness/core/errors.ts";
import { publish } from "#harness/runs/publish.ts";

const [series, ...command] = process.argv.slice(2);
try {
  for (const file of await publish(
    series ?? "",
    command.length > 0
      ? command.join(" ")
      : "npm run mesh -- up && npm run mesh -- test failover failover-affinity failover-backends failover-rollout failover-rollout-drain failover-migration failover-mesh --repeat 20 --series figures.ndjson",
  ))
    process.stdout.write(`${file}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
process.exit();
