import { createWriteStream, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import {
  entriesOf,
  exampleDump,
  exampleTime,
  tarHeader,
  tarOf,
  zipOf,
} from "#harness/evidence/sysdump/examples.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { checked } from "./fuzz.ts";

const mebibyte = 1024 ** 2;
const logName = `d/logs-cilium-aaaaa-cilium-agent-${exampleTime}.log`;

export interface LargeLog {
  readonly name: string;
  readonly exitCode: number;
  readonly ms: number;
}

/**
 * Reads a sysdump with a log of 2 GiB (the Cilium CLI's own limit is 1 GiB) in each kind of archive: the log is skipped
 * and named, and the rest is read. Its size is true, and once false.
 */
export async function largeLogs(size: number = 2048 * mebibyte): Promise<LargeLog[]> {
  const folder = mkdtempSync(join(tmpdir(), "meshproof-fuzz-log-"));
  const results: LargeLog[] = [];
  try {
    const paths = {
      "a zip": zipWith(folder, size, size),
      "a zip that declares 1 MiB": zipWith(folder, size, mebibyte),
      "a tar.gz": await tarGzWith(folder, size),
      "a folder": folderWith(folder, size),
    };
    for (const [name, path] of Object.entries(paths)) {
      const begin = monotonicMs();
      const { exitCode, lines } = await checked(path, "reported", 60_000);
      const text = lines.join("\n");
      if (
        exitCode !== 3 ||
        !/cilium-aaaaa|agent on n1/.test(text) ||
        !/MiB|too many bytes|checksum/.test(text)
      )
        throw new Error(`a log of 2 GiB in ${name} is not named: exit code ${exitCode}\n${text}`);
      results.push({ name, exitCode, ms: Math.round(monotonicMs() - begin) });
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const line = 'level=info msg="Connection to remote cluster established" clusterName=c2 subsys=clustermesh\n';
const text = Buffer.from(line.repeat(Math.ceil(mebibyte / line.length))).subarray(0, mebibyte);
const others = () => entriesOf(exampleDump()).filter((e) => e.name !== logName);

function zipWith(folder: string, size: number, declared: number): string {
  const path = join(folder, `archive-${declared}.zip`);
  // Blocks that end at a byte can be repeated.
  const block = deflateRawSync(text, { finishFlush: constants.Z_FULL_FLUSH });
  const content = Buffer.concat([...new Array<Buffer>(size / mebibyte).fill(block), deflateRawSync("")]);
  writeFileSync(path, zipOf([...others(), { name: logName, content, deflated: size, declared }]));
  return path;
}

/** A gzip file may have several members, so one is repeated. */
async function tarGzWith(folder: string, size: number): Promise<string> {
  const path = join(folder, "archive.tar.gz");
  const file = createWriteStream(path);
  const member = gzipSync(text);
  file.write(gzipSync(tarHeader(logName, size, "0")));
  for (let i = 0; i < size / mebibyte; i++) file.write(member);
  await new Promise<void>((resolve) => file.end(gzipSync(tarOf(others())), resolve));
  return path;
}

/** A sparse file takes no space. */
function folderWith(folder: string, size: number): string {
  const root = join(folder, "folder");
  for (const { name, content } of [...others(), { name: logName, content: Buffer.alloc(0) }]) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  truncateSync(join(root, logName), size);
  return root;
}
