import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { Pool } from "undici";
import type { SampleOutcome } from "#harness/model/history.ts";

export interface Answer {
  readonly outcome: SampleOutcome;
  readonly body: string;
  readonly detail: string;
}

const byCode: Readonly<Record<string, SampleOutcome>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  // Cilium closes sockets whose backend is gone (SOCK_DESTROY).
  ECONNABORTED: "reset",
  EPIPE: "reset",
  UND_ERR_SOCKET: "reset",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ETIMEDOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
  UND_ERR_BODY_TIMEOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
};

export function failure(error: unknown): Answer {
  const code =
    (error as Error).name === "TimeoutError" ? "ETIMEDOUT" : ((error as NodeJS.ErrnoException).code ?? "");
  const detail = error instanceof Error ? error.message : String(error);
  return { outcome: byCode[code] ?? "error", body: "", detail: detail.slice(0, 200) };
}

/**
 * One HTTP request on its own connection. Uses node:net because undici cost twice the CPU time for new connections
 * every 5 ms (measured by `npm run bench`).
 */
export function requestOnNewConnection(
  host: string,
  port: number,
  path: string,
  timeoutMs: number,
): Promise<Answer> {
  return exchange({ host, port, text: requestText(host, port, path), mostBody: 4000 }, timeoutMs);
}

export const requestText = (host: string, port: number, path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`;

/** The bytes of a request, and how much of an answer's body to keep. */
interface Exchange {
  readonly host: string;
  readonly port: number;
  readonly text: string;
  readonly mostBody: number;
}

export function exchange({ host, port, text: sent, mostBody }: Exchange, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    let text = "";
    let settled = false;
    const finish = (answer: Answer): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(
      () => finish({ outcome: "timeout", body: "", detail: `no answer in ${timeoutMs} ms` }),
      timeoutMs,
    );
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(sent));
    socket.on("data", (chunk: string) => {
      text += chunk;
      const answer = parseAnswer(text, mostBody);
      if (answer !== undefined) finish(answer);
    });
    socket.on("end", () =>
      finish(
        parseAnswer(text, mostBody, true) ?? {
          outcome: "bad-answer",
          body: "",
          detail: `closed after ${text.length} bytes`,
        },
      ),
    );
    socket.on("error", (error) => finish(failure(error)));
  });
}

/** Undefined until the response is complete. */
function parseAnswer(text: string, mostBody: number, ended = false): Answer | undefined {
  const cut = text.indexOf("\r\n\r\n");
  if (cut < 0) return undefined;
  const head = text.slice(0, cut);
  const body = text.slice(cut + 4);
  const length = /^content-length:\s*(\d+)/im.exec(head)?.[1];
  if (!ended && (length === undefined || body.length < Number(length))) return undefined;
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status !== "200")
    return { outcome: "bad-answer", body: body.slice(0, 200), detail: `status ${status ?? "none"}` };
  return { outcome: "ok", body: body.slice(0, mostBody), detail: "" };
}

/**
 * How long an unused keep-alive connection stays open in milliseconds: far above every interval of requests, beside
 * suites too, so that a connection that ends was not ended by its client. (Undici's default is 4 s.)
 */
export const idleConnectionMs = 600_000;

/**
 * Requests over one keep-alive connection, replaced when it closes. It is closed here only by a request without an
 * answer, or if the server announces a shorter time (`Keep-Alive: timeout=`) and nothing is sent for so long.
 */
export class ReusedConnection implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #timeoutMs: number;

  constructor(host: string, port: number, path: string, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    this.#pool = new Pool(`http://${host}:${port}`, {
      connections: 1,
      pipelining: 1,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: idleConnectionMs,
      keepAliveMaxTimeout: idleConnectionMs,
      connect: { timeout: timeoutMs },
    });
  }

  async request(): Promise<Answer> {
    try {
      const answer = await this.#pool.request({
        method: "GET",
        path: this.#path,
        // Requests queued behind an unanswered one are late too.
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      const body = await answer.body.text();
      return answer.statusCode === 200
        ? { outcome: "ok", body, detail: "" }
        : { outcome: "bad-answer", body, detail: `status ${answer.statusCode}` };
    } catch (error) {
      return failure(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

/** agnhost's netexec answers the datagram `hostname` with its own hostname. */
export function requestByUdp(
  host: string,
  port: number,
  message: string,
  timeoutMs: number,
): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    let settled = false;
    const finish = (answer: Answer): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(
      () => finish({ outcome: "timeout", body: "", detail: `no answer in ${timeoutMs} ms` }),
      timeoutMs,
    );
    socket.on("message", (data) => finish({ outcome: "ok", body: data.toString("utf8"), detail: "" }));
    socket.on("error", (error) => finish(failure(error)));
    // Connected, so that an ICMP refusal is returned as an error; Cilium refuses to connect to a service without a backend.
    socket.connect(port, host, (error?: Error) => {
      if (error) finish(failure(error));
      else socket.send(message);
    });
  });
}

/**
 * The A records of a name, from the pod's resolver or from a server; one attempt, no cache. Rejects with `ECANCELLED`
 * after `timeoutMs`: the resolver checks its own timeout so rarely that an answer after 1.7 times of it counted.
 */
async function lookUp(name: string, timeoutMs: number, server?: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  if (server !== undefined) resolver.setServers([server]);
  const timer = setTimeout(() => resolver.cancel(), timeoutMs);
  try {
    return await resolver.resolve4(name);
  } finally {
    clearTimeout(timer);
  }
}

/** A name, and which DNS server to ask instead of the pod's own. */
interface NameAt {
  readonly name: string;
  readonly server: string;
}

/**
 * A request on a new connection to one of a name's addresses, drawn anew each time: a headless service's clients.
 * Not with the host's resolver, whose few threads would make every later request wait for a lost answer. The look-up
 * is part of `timeoutMs`; the detail of a loss says whether the name or the address took it.
 */
export async function requestByName(
  host: string | NameAt,
  port: number,
  path: string,
  timeoutMs: number,
): Promise<Answer> {
  const { name, server } = typeof host === "string" ? { name: host, server: undefined } : host;
  const startedMs = performance.now();
  let addresses: string[];
  try {
    addresses = await lookUp(name, timeoutMs, server);
  } catch (error) {
    const answer = dnsFailure(error, timeoutMs);
    return { ...answer, detail: `name not resolved: ${answer.detail}` };
  }
  const lookupMs = Math.round(performance.now() - startedMs);
  const resolved = `name resolved after ${lookupMs} ms`;
  const leftMs = timeoutMs - lookupMs;
  if (leftMs <= 0) return { outcome: "timeout", body: "", detail: resolved };
  const address = addresses[Math.floor(Math.random() * addresses.length)] ?? "";
  const answer = await requestOnNewConnection(address, port, path, leftMs);
  if (answer.outcome === "ok") return answer;
  const late = answer.outcome === "timeout" ? `; ${resolved}` : "";
  return { ...answer, detail: `${address}: ${answer.detail}${late}` };
}

/** The first A record of a name. */
export async function requestByDns(name: string, timeoutMs: number, server?: string): Promise<Answer> {
  try {
    const [address = ""] = await lookUp(name, timeoutMs, server);
    return { outcome: "ok", body: address, detail: "" };
  } catch (error) {
    return dnsFailure(error, timeoutMs);
  }
}

function dnsFailure(error: unknown, timeoutMs: number): Answer {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ETIMEOUT" || code === "ECANCELLED")
    return { outcome: "timeout", body: "", detail: `no answer in ${timeoutMs} ms` };
  if (code === "ENOTFOUND" || code === "ENODATA" || code === "ESERVFAIL")
    return { outcome: "bad-answer", body: "", detail: code };
  return failure(error);
}

/** Only a TCP handshake. */
export function requestByTcp(host: string, port: number, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(
      () => finish({ outcome: "timeout", body: "", detail: `no answer in ${timeoutMs} ms` }),
      timeoutMs,
    );
    socket.once("connect", () => finish({ outcome: "ok", body: "", detail: "" }));
    socket.once("error", (error) => finish(failure(error)));
  });
}
