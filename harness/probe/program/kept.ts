import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import type { SampleOutcome } from "#harness/model/history.ts";
import { type Answer, failure } from "./request.ts";

interface Pending {
  readonly settle: (answer: Answer) => void;
}

/**
 * Heartbeats on one connection: numbered lines to an `echo` and back. Like TCP, the client never closes a silent
 * connection, so the whole duration of a stall is measured. It replaces only a closed connection.
 */
abstract class Kept implements AsyncDisposable {
  protected readonly host: string;
  protected readonly port: number;
  protected readonly timeoutMs: number;
  /** Before each number, with a blank; empty by default. */
  protected readonly token: string;
  readonly #pending = new Map<number, Pending>();
  #connections = 0;
  #seq = 0;

  constructor(host: string, port: number, timeoutMs: number, token?: string) {
    this.host = host;
    this.port = port;
    this.timeoutMs = timeoutMs;
    this.token = token === undefined ? "" : `${token} `;
  }

  protected abstract send(line: string): void;
  protected abstract drop(): void;

  request(): Promise<Answer> {
    const self = this.#seq++;
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => settle({ outcome: "timeout", body: "", detail: `no answer in ${this.timeoutMs} ms` }),
        this.timeoutMs,
      );
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.#pending.delete(self);
        resolve(answer);
      };
      this.#pending.set(self, { settle });
      this.send(`${this.token}${self}\n`);
    });
  }

  protected opened(): void {
    this.#connections += 1;
  }

  /** `hostname seq`, or `hostname token seq`, the echo's response. */
  protected heard(line: string): void {
    const words = line.split(" ");
    const [name] = words;
    this.#pending.get(Number(words.at(-1)))?.settle({
      outcome: "ok",
      body: name ?? "",
      detail: this.#connections > 1 ? `connection ${this.#connections}` : "",
    });
  }

  protected lost(answer: Answer): void {
    for (const { settle } of [...this.#pending.values()]) settle(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop();
  }
}

export class TcpHeartbeat extends Kept {
  #socket: Socket | undefined;
  #rest = "";

  protected send(line: string): void {
    (this.#socket ?? this.#open()).write(line);
  }

  #open(): Socket {
    const socket = connect({ host: this.host, port: this.port, noDelay: true });
    this.#socket = socket;
    this.#rest = "";
    const end = (answer: Answer): void => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      socket.destroy();
      this.lost(answer);
    };
    socket.setEncoding("latin1");
    // Only an established connection can stall; one that cannot be established is retried.
    const patience = setTimeout(
      () => end({ outcome: "timeout", body: "", detail: "no connection was established" }),
      this.timeoutMs,
    );
    socket.on("close", () => clearTimeout(patience));
    socket.on("connect", () => {
      clearTimeout(patience);
      this.opened();
    });
    socket.on("data", (chunk: string) => {
      const lines = (this.#rest + chunk).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.heard(line);
    });
    socket.on("end", () => end({ outcome: "reset", body: "", detail: "closed by the server" }));
    socket.on("error", (error) => end(failure(error)));
    return socket;
  }

  protected drop(): void {
    this.#socket?.destroy();
  }
}

/** Errors after which a datagram socket is unusable; a refusal only says that the server does not listen. */
const refused: ReadonlySet<SampleOutcome> = new Set(["refused", "unreachable"]);

export class UdpFlow extends Kept {
  #socket: DatagramSocket | undefined;
  #ready = false;
  #waiting: string[] = [];

  protected send(line: string): void {
    const socket = this.#socket ?? this.#open();
    if (this.#ready) socket.send(line);
    else this.#waiting.push(line);
  }

  #open(): DatagramSocket {
    const socket = createSocket(this.host.includes(":") ? "udp6" : "udp4");
    this.#socket = socket;
    this.#ready = false;
    socket.on("message", (data) => this.heard(data.toString("latin1").trim()));
    socket.on("error", (error) => {
      const answer = failure(error);
      this.lost(answer);
      if (refused.has(answer.outcome) || this.#socket !== socket) return;
      this.#socket = undefined;
      socket.close();
    });
    // Connected, so that the flow keeps its backend and an ICMP refusal is returned as an error.
    socket.connect(this.port, this.host, (error?: Error) => {
      if (error !== undefined) {
        if (this.#socket === socket) this.#socket = undefined;
        this.#waiting = [];
        socket.close();
        this.lost(failure(error));
        return;
      }
      this.#ready = true;
      this.opened();
      for (const line of this.#waiting.splice(0)) socket.send(line);
    });
    return socket;
  }

  protected drop(): void {
    this.#socket?.close();
  }
}
