import { given } from "#harness/lib/given.ts";
import { type CliCommand, defineCommand } from "./command.ts";
import { json, type Parsed, text } from "./options.ts";
import type { Session } from "./session.ts";

const suitesDir = {
  suitesDir: text("--suites-dir <dir>", "also the suites of this folder", "files"),
};
const options = { ...json, ...suitesDir };
type ListOptions = Parsed<typeof options>;

/** What is listed: records for JSON, and the columns of each for a person. */
interface Listing {
  readonly records: readonly object[];
  readonly rows: readonly (readonly string[])[];
}

const listing = (name: string, help: string, of: (options: ListOptions) => Promise<Listing>): CliCommand =>
  defineCommand<typeof options>({
    name,
    help,
    options,
    async run({ options, session }) {
      const { records, rows } = await of(options);
      if (options.json) return session.json({ [name]: records });
      printRows(rows, session);
    },
  });

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

/** On the clusters of the default lab: titles hold their names. */
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

/** What a lab is made of where nobody chooses: the versions that the code pins. */
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
  help: "what there is, without a lab",
  commands: [
    listing("suites", "name, when it runs, tags and goal of every suite", suites),
    listing("tests", "every test's full name, on the clusters of the default lab", tests),
    listing("faults", "name, group and effect of every fault", faults),
    listing("profiles", "ways of meshing, with their lab files", profiles),
    listing("versions", "what a lab is built of by default", versions),
  ],
});
