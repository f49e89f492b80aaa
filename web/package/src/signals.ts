/** Waiting for what somebody may not want any more. */

import { DelicateError } from "./errors.js";

/** One that was asked for by a caller whose signal says that it is not wanted any more. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  const cause: unknown = signal.reason;
  throw new DelicateError({ code: "cancelled", message: "cancelled by the caller" }, { cause });
}

/** As soon as it is there, or not wanted any more. */
export async function within<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  promise.catch(() => undefined);
  const { signal: wanted, release } = linked([signal]);
  try {
    const ended = new Promise<void>((resolve) => {
      if (wanted.aborted) resolve();
      wanted.addEventListener("abort", () => resolve());
    });
    await Promise.race([promise, ended]);
    refuseAborted(signal);
    return await promise;
  } finally {
    release();
  }
}

/** `AbortSignal.any`, for browsers that can score but have it not. */
export function linked(signals: (AbortSignal | undefined)[]): {
  signal: AbortSignal;
  release(): void;
} {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of signals) {
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
  }
  return {
    signal: controller.signal,
    release() {
      for (const signal of signals) signal?.removeEventListener("abort", abort);
    },
  };
}
