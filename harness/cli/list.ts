import { given } from "#harness/lib/given.ts";
import { type CliCommand, defineCommand } from "./command.ts";
import { json, type Options, type Parsed, text } from "./options.ts";
import type { Session } from "./session.ts";

const suitesDir = {
  suitesDir: text("--suites-dir <dir>", "also include the suites of this folder", "files"),
};
type ListOptions = Parsed<typeof suitesDir>;

/** Listed records for JSON, and the columns of each for text. */
interface Listing {
  readonly records: readonly object[];
  readonly rows: readonly (readonly string[])[];
}

/** `more`: what a listing takes beside `--json`. */
function listing<O extends Options>(
  name: string,
  help: string,
  of: (options: Parsed<O & typeof json>) => Promise<Listing>,
  more: O,
): CliCommand {
  return defineCommand<O & typeof json>({
    name,
    help,
    options: { ...json, ...more },
    async run({ options, session }) {
      const { records, rows } = await of(options);
      if (session.isJson) return await session.json({ [name]: records });
      printRows(rows, session);
    },
  });
}

function printRows(rows: readonly (readonly string[])[], session: Session): void {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  for (const row of rows)
    session.say(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

async function suites({ suitesDir }: ListOptions): Promise<Listing> {
  const { loadAllSuites } = await import("#harness/testkit/suite-list.ts");
  const infos = (await loadAllSuites(suitesDir)).map((s) => s.info);
  return {
    records: infos.map(({ name, tags, when, goal, method, failureMeans, requires = [] }) => ({
      name,
      tags,
      when,
      goal,
      method,
      failureMeans,
      requires,
    })),
    rows: infos.map((s) => [s.name, s.when, s.tags.join(","), s.goal]),
  };
}

/** On the clusters of the default lab, whose names the titles contain. */
async function tests({ suitesDir }: ListOptions): Promise<Listing> {
  const { loadAllSuites } = await import("#harness/testkit/suite-list.ts");
  const { readLabFile } = await import("#harness/config/lab-file.ts");
  const { labFileOf } = await import("#harness/config/profiles.ts");
  const clusters = (await readLabFile(labFileOf("default"))).clusters.map((c) => c.name);
  const records = (await loadAllSuites(suitesDir)).flatMap(({ info, tests }) =>
    tests({ clusters }).map(({ title, goal, requires = [], spec }) => ({
      suite: info.name,
      title,
      ...given({ goal, spec }),
      requires: [...(info.requires ?? []), ...requires],
    })),
  );
  return { records, rows: records.map((t) => [`${t.suite} > ${t.title}`]) };
}

async function faults(): Promise<Listing> {
  const { faults } = await import("#harness/faults/index.ts");
  return {
    records: faults.map(({ name, group, does, needs, needsNamespace, wide, traceless }) => ({
      name,
      group,
      does,
      ...given({ needs, needsNamespace, wide, traceless }),
    })),
    rows: faults.map((f) => [f.name, f.group, f.does]),
  };
}

async function profiles(): Promise<Listing> {
  const { labFileOf } = await import("#harness/config/profiles.ts");
  const { profileNames } = await import("#harness/model/profile.ts");
  const records = profileNames.map((name) => ({ name, labFile: labFileOf(name) }));
  return { records, rows: records.map((p) => [p.name, p.labFile]) };
}

/** The default versions of a lab's components, as pinned in the code. */
async function versions(): Promise<Listing> {
  const { kubernetesFor, pins } = await import("#harness/config/pins.ts");
  const { minors, ...tools } = pins;
  const pinned = [
    ...Object.entries({ ...tools, kubernetes: kubernetesFor(pins.cilium) }),
    ...Object.entries(minors).flatMap(([minor, m]) => [
      [`cilium ${minor}`, m.cilium],
      [`kubernetes of cilium ${minor}`, m.kubernetes],
    ]),
  ];
  const records = pinned.map(([name = "", version = ""]) => ({ name, version: version.replace(/^v/, "") }));
  return { records, rows: records.map((v) => [v.name, v.version]) };
}

export const list = defineCommand({
  name: "list",
  help: "list suites, tests, faults, profiles or versions; needs no lab",
  commands: [
    listing("suites", "name, when it runs, tags and goal of every suite", suites, suitesDir),
    listing("tests", "every test's full name, on the clusters of the default lab", tests, suitesDir),
    listing("faults", "name, group and effect of every fault", faults, {}),
    listing("profiles", "name and lab file of every profile", profiles, {}),
    listing("versions", "default versions of a lab's components", versions, {}),
  ],
});
