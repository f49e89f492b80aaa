/**
 * A Firefox, asked in the language that it speaks without a driver between: Marionette, commands
 * as JSON over TCP.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** As of a profile in which nothing happens by itself. */
const SETTINGS = {
  // Any free port, which is written into the profile.
  "marionette.port": 0,
  "app.update.disabledForTesting": true,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.page": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.server": "",
  "services.settings.server": "http://127.0.0.1:9/",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "extensions.update.enabled": false,
};
const START_MS = 60_000;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The one that `FIREFOX` names, or one on the search path that starts. */
export function findFirefox(): string | null {
  const given = process.env.FIREFOX;
  const mac = "/Applications/Firefox.app/Contents/MacOS/firefox";
  const names = given !== undefined && given !== "" ? [given] : ["firefox-esr", "firefox", mac];
  for (const name of names) {
    try {
      const said = execFileSync(name, ["--version"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      // Ubuntu's may only tell of another package.
      if (/^Mozilla Firefox \d/m.test(said)) return name;
    } catch {
      // The next one.
    }
  }
  return null;
}

export class Firefox {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #received = Buffer.alloc(0);
  #next = 1;

  private constructor(process: ChildProcess, profile: string, socket: Socket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.on("data", (piece: Buffer) => this.#receive(piece));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Firefox has ended"));
    });
  }

  static async launch(executable: string): Promise<Firefox> {
    const profile = await mkdtemp(join(tmpdir(), "delicate-firefox-"));
    const lines = Object.entries(SETTINGS).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    await writeFile(join(profile, "user.js"), lines.join(""));
    const child = spawn(
      executable,
      ["--headless", "--no-remote", "--marionette", "--profile", profile],
      { stdio: "ignore", env: { ...process.env, MOZ_HEADLESS_WIDTH: "1280", HOME: profile } },
    );
    try {
      const socket = connect(await portOf(profile, child), "127.0.0.1");
      await once(socket, "connect");
      const firefox = new Firefox(child, profile, socket);
      await firefox.#ask("WebDriver:NewSession", {});
      await firefox.#ask("WebDriver:SetTimeouts", { script: 300_000, pageLoad: 60_000 });
      return firefox;
    } catch (error) {
      child.kill("SIGKILL");
      await rm(profile, { recursive: true, force: true });
      throw error;
    }
  }

  async goto(url: string): Promise<void> {
    await this.#ask("WebDriver:Navigate", { url });
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#ask("WebDriver:SetWindowRect", { width, height });
  }

  /** Runs the body of an asynchronous function in the page, and gives what it returns. */
  async run<T>(body: string): Promise<T> {
    const script = `const done = arguments[arguments.length - 1];
      (async () => { ${body} })().then((value) => done([value]), (error) => done(String(error)));`;
    const { value } = (await this.#ask("WebDriver:ExecuteAsyncScript", { script, args: [] })) as {
      value: [T] | string;
    };
    if (typeof value === "string") throw new Error(value);
    return value[0];
  }

  async screenshot(path: string): Promise<void> {
    const { value } = (await this.#ask("WebDriver:TakeScreenshot", { full: true })) as {
      value: string;
    };
    await writeFile(path, Buffer.from(value, "base64"));
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #ask(command: string, parameters: object): Promise<unknown> {
    const id = this.#next++;
    const text = JSON.stringify([0, id, command, parameters]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  /** Messages come one after the other, each with its length before it. */
  #receive(piece: Buffer): void {
    this.#received = Buffer.concat([this.#received, piece]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const end = colon + 1 + Number(this.#received.subarray(0, Math.max(0, colon)).toString());
      if (colon === -1 || this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.subarray(colon + 1, end).toString());
      this.#received = this.#received.subarray(end);
      // The first one says who it is.
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message as [1, number, { message: string } | null, unknown];
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === null) waiting?.resolve(result);
      else waiting?.reject(new Error(error.message));
    }
  }
}

async function portOf(profile: string, child: ChildProcess): Promise<number> {
  const limit = performance.now() + START_MS;
  while (performance.now() < limit) {
    if (child.exitCode !== null) throw new Error(`Firefox ended with ${child.exitCode}`);
    const port = await readFile(join(profile, "MarionetteActivePort"), "utf8").catch(() => "");
    if (port !== "") return Number(port);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("Firefox did not start within a minute");
}
