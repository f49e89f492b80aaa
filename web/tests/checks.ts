/** Checks, one line each: "ok - name", "not ok - name: reason", "skipped: name: why". */

export class Checks {
  #failed = 0;

  async check(name: string, body: () => Promise<void> | void): Promise<void> {
    try {
      await body();
      console.log(`ok - ${name}`);
    } catch (error) {
      this.fail(name, error);
    }
  }

  fail(name: string, error: unknown): void {
    this.#failed += 1;
    const [reason] = (error instanceof Error ? error.message : String(error)).split(/\s+Call log:/);
    console.log(`not ok - ${name}: ${reason?.replaceAll(/\s+/g, " ").trim()}`);
  }

  skip(name: string, why: string): void {
    console.log(`skipped: ${name}: ${why}`);
  }

  /** Sets the exit code. */
  finish(): void {
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}
