import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import forge from "node-forge";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: string;
  /** The common name of the client's certificate. */
  readonly user: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Json {
  [field: string]: unknown;
}

/** Answers that a test sets for `METHOD /path`, each used once, in order. */
type Script = Map<string, Answer[]>;

export interface FakeApiServer extends AsyncDisposable {
  readonly kubeconfig: string;
  readonly received: Received[];
  /** Objects as JSON, by their path. */
  readonly objects: Map<string, string>;
  /** The resources of `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly resources: Map<string, readonly Json[]>;
  /** Sets the next answers of a path, instead of its object. */
  answer(request: string, ...answers: readonly Answer[]): void;
  /** Sends an event to all watches of a path. */
  emit(path: string, type: string, object: unknown): void;
  watchers(path: string): number;
}

export const failure = (code: number, message: string): Answer => ({
  status: code,
  body: JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, code }),
});

export const objectAnswer = (object: unknown): Answer => ({ status: 200, body: JSON.stringify(object) });

const pattern = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/;

/** An API server that stores objects byte for byte and accepts only the client certificate of its kubeconfig. */
export async function fakeApiServer(options: { namespace?: string } = {}): Promise<FakeApiServer> {
  const pki = certificates();
  const received: Received[] = [];
  const objects = new Map<string, string>();
  const resources = new Map<string, readonly Json[]>();
  const script: Script = new Map();
  const watches = new Map<string, Set<ServerResponse>>();

  const answerTo = ({ method, path, query, body }: Received): Answer => {
    const scripted = script.get(`${method} ${path}`)?.shift();
    if (scripted !== undefined) return scripted;
    const served = resources.get(path);
    if (method === "GET" && served !== undefined)
      return objectAnswer({ kind: "APIResourceList", groupVersion: path.slice(6), resources: served });
    const [, , , , name] = pattern.exec(path) ?? [];
    if (method === "GET" && name === undefined && pattern.test(path)) return listOf(objects, path, query);
    if (method === "PATCH" && query.force === "true") objects.set(path, body);
    const stored = objects.get(path);
    if (stored === undefined) return failure(404, `${path} not found`);
    if (method === "DELETE") objects.delete(path);
    return { status: 200, body: stored };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const one = await read(request);
    received.push(one);
    if (one.query.watch === "true") {
      const open = watches.get(one.path) ?? new Set();
      watches.set(one.path, open.add(response));
      response.on("close", () => open.delete(response));
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      return;
    }
    const { status, body } = answerTo(one);
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  };
  const server = createServer(
    { cert: pki.server, key: pki.key, ca: pki.ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => void handle(request, response),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), "meshproof-fake-api-"));
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigText(pki, port, options.namespace));
  return {
    kubeconfig,
    received,
    objects,
    resources,
    answer: (request, ...answers) => void script.set(request, [...answers]),
    emit: (path, type, object) => {
      for (const watcher of watches.get(path) ?? []) watcher.write(`${JSON.stringify({ type, object })}\n`);
    },
    watchers: (path) => watches.get(path)?.size ?? 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function read(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? "/", "https://localhost");
  return {
    method: request.method ?? "",
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    contentType: request.headers["content-type"] ?? "",
    body: Buffer.concat(chunks).toString("utf8"),
    user: String((request.socket as TLSSocket).getPeerCertificate().subject.CN),
  };
}

/** Items without `apiVersion` and `kind`, in pages, as in lists of API servers. */
function listOf(
  objects: ReadonlyMap<string, string>,
  path: string,
  query: Readonly<Record<string, string>>,
): Answer {
  const [, root, namespace, plural] = pattern.exec(path) ?? [];
  const all = [...objects].flatMap(([at, text]) => {
    const [, r, n, p, name] = pattern.exec(at) ?? [];
    if (r !== root || p !== plural || name === undefined) return [];
    if (namespace !== undefined && n !== namespace) return [];
    const { apiVersion: _a, kind: _k, ...item } = JSON.parse(text) as Json;
    return [item];
  });
  const from = Number(query.continue ?? 0);
  const to = from + Number(query.limit ?? all.length);
  return objectAnswer({
    metadata: { resourceVersion: "77", ...(to < all.length ? { continue: String(to) } : {}) },
    items: all.slice(from, to),
  });
}

interface Pki {
  /** All in PEM; the certificates share one key. */
  readonly key: string;
  readonly ca: string;
  readonly server: string;
  readonly client: string;
}

let made: Pki | undefined;

/** Generating keys is slow, so a process shares one set. */
function certificates(): Pki {
  made ??= makeCertificates();
  return made;
}

function makeCertificates(): Pki {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signing = forge.pki.privateKeyFromPem(key);
  const make = (name: string, extensions: object[]): string => {
    const cert = forge.pki.createCertificate();
    cert.publicKey = forge.pki.setRsaPublicKey(signing.n, signing.e);
    cert.serialNumber = Buffer.from(name).toString("hex");
    cert.validity.notBefore = new Date(Date.now() - 60_000);
    cert.validity.notAfter = new Date(Date.now() + 3_600_000);
    cert.setSubject([{ name: "commonName", value: name }]);
    cert.setIssuer([{ name: "commonName", value: "ca" }]);
    cert.setExtensions(extensions);
    cert.sign(signing, forge.md.sha256.create());
    return forge.pki.certificateToPem(cert);
  };
  return {
    key,
    ca: make("ca", [{ name: "basicConstraints", cA: true, critical: true }]),
    server: make("server", [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }]),
    client: make("tester", [{ name: "extKeyUsage", clientAuth: true }]),
  };
}

function kubeconfigText(pki: Pki, port: number, namespace: string | undefined): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    "certificate-authority-data": base64(pki.ca),
  };
  const user = { "client-certificate-data": base64(pki.client), "client-key-data": base64(pki.key) };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c1",
    clusters: [{ name: "c1", cluster }],
    users: [{ name: "c1", user }],
    contexts: [
      {
        name: "c1",
        context: { cluster: "c1", user: "c1", ...(namespace === undefined ? {} : { namespace }) },
      },
    ],
  });
}
