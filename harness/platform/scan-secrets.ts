import { once } from "node:events";
import { gunzipSync, gzipSync } from "node:zlib";
import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";
import { unzipSync, zipSync } from "fflate";
import { extract, pack } from "tar-stream";
import { parse as parseYaml, stringify as toYaml } from "yaml";
import { redactSecrets } from "./secrets/index.ts";
import { applySpans, markerOf } from "./secrets/span.ts";

const rule = (name: string): string => `@secretlint/secretlint-rule-${name}`;
/** Two of its rules are disabled: Meshproof's own patterns match only the secret, and also escaped and truncated forms. */
const secretlint = {
  rules: [
    {
      id: rule("preset-recommend"),
      rule: creator,
      rules: [
        { id: rule("basicauth"), disabled: true },
        { id: rule("privatekey"), disabled: true },
        { id: rule("aws"), options: { enableIDScanRule: true } },
      ],
    },
  ],
};

/** No rule of secretlint matches a shorter text, so the many short texts of a history are skipped. */
const shortestToken = 16;

/** Replaces every secret by `[redacted: KIND]`: first with Meshproof's own patterns, then with secretlint's tokens. */
export async function redactText(text: string): Promise<string> {
  const own = redactSecrets(text);
  if (own.length < shortestToken) return own;
  const { messages } = await lintSource({
    source: { content: plain(own), filePath: "report.txt", ext: ".txt", contentType: "text" },
    options: { noPhysicFilePath: true, config: secretlint },
  });
  return applySpans(
    own,
    messages.map(({ range: [start, end], ruleId }) => ({
      start,
      end,
      kind: `${ruleId.replace(rule(""), "")} token`,
    })),
  );
}

/**
 * A text of the same length, without escapes that hide a token from secretlint's word boundaries (`\nghp_...` in JSON)
 * and without comments that disable secretlint's rules.
 */
function plain(text: string): string {
  return text
    .replace(/\\u[0-9a-fA-F]{4}|\\[nrtbf"'/\\]|&(?:#x?[0-9a-fA-F]{1,4}|quot|apos|lt|gt|amp);/g, (m) =>
      " ".repeat(m.length),
    )
    .replace(/secretlint-/gi, "secretlint_");
}

/** A marker contains `: `, which must be quoted in YAML, so a document with a redaction is serialized again. */
export async function redactYaml(text: string): Promise<string> {
  const redacted = await redactText(text);
  if (redacted === text) return text;
  try {
    const json = await redactText(JSON.stringify(parseYaml(text, { maxAliasCount: 0 })));
    return await redactText(toYaml(JSON.parse(json), { lineWidth: 0 }));
  } catch {
    return redacted;
  }
}

const deepest = 4;
/** The size limit of one unpacked archive. */
const mostBytes = 512 * 1024 ** 2;

/**
 * Redacts bytes, including the contents of nested gzip, zip and tar archives. An unreadable archive is replaced
 * completely, because its contents are unknown.
 */
export const redactBytes = (bytes: Uint8Array): Promise<Uint8Array> => mapBytes(bytes, redactText);

/** Applies a function to every text in the bytes and in archives in them; returns the same bytes if nothing changes. */
export async function mapBytes(
  bytes: Uint8Array,
  mapText: (text: string) => Promise<string>,
  depth = 0,
): Promise<Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = formatOf(buffer);
  if (format === undefined) {
    // In latin1 every byte is one character, so the conversion is lossless.
    const text = buffer.toString("latin1");
    const mapped = await mapText(text);
    return mapped === text ? bytes : Buffer.from(mapped, "latin1");
  }
  if (depth >= deepest) return Buffer.from(markerOf("archive in archives"));
  try {
    return await inArchive[format](buffer, (inner) => mapBytes(inner, mapText, depth + 1));
  } catch {
    return Buffer.from(markerOf(`unreadable ${format} archive`));
  }
}

type Inner = (bytes: Uint8Array) => Promise<Uint8Array>;

export function formatOf(b: Uint8Array): keyof typeof inArchive | undefined {
  if (b[0] === 0x1f && b[1] === 0x8b) return "gzip";
  const has = (at: number, magic: string): boolean =>
    Buffer.from(b.subarray(at, at + magic.length)).equals(Buffer.from(magic));
  if (has(0, "PK\u0003\u0004")) return "zip";
  return has(257, "ustar") ? "tar" : undefined;
}

/** Each returns its input if nothing changed. */
const inArchive = {
  async gzip(bytes: Buffer, inner: Inner): Promise<Uint8Array> {
    const before = gunzipSync(bytes, { maxOutputLength: mostBytes });
    const after = await inner(before);
    return after === before ? bytes : gzipSync(after);
  },
  async zip(bytes: Buffer, inner: Inner): Promise<Uint8Array> {
    let left = mostBytes;
    const entries = unzipSync(bytes, {
      filter: ({ originalSize }) => {
        left -= originalSize;
        if (left < 0) throw new Error("too large");
        return true;
      },
    });
    let changed = false;
    for (const [name, before] of Object.entries(entries)) {
      const after = await inner(before);
      changed ||= after !== before;
      entries[name] = new Uint8Array(after);
    }
    return changed ? zipSync(entries) : bytes;
  },
  async tar(bytes: Buffer, inner: Inner): Promise<Uint8Array> {
    const out = pack();
    const written: Buffer[] = [];
    out.on("data", (chunk) => written.push(chunk as Buffer));
    let changed = false;
    const reader = extract();
    reader.end(bytes);
    for await (const entry of reader) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      const before = Buffer.concat(chunks);
      const after = await inner(before);
      changed ||= after !== before;
      await new Promise<void>((done, failed) => {
        out.entry({ ...entry.header, size: after.length, pax: null }, Buffer.from(after), (error) =>
          error ? failed(error) : done(),
        );
      });
    }
    const ended = once(out, "end");
    out.finalize();
    await ended;
    return changed ? Buffer.concat(written) : bytes;
  },
};
