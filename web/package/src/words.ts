/** What is said of results, wherever they are shown. */

import type { FailureData } from "./errors.js";
import * as format from "./format.js";
import type { Domain, RowError } from "./protocol.js";

export const BANDS: Record<Domain, string> = {
  in: "in the model’s domain",
  borderline: "borderline, at the edge of the model’s domain",
  out: "outside the model’s domain",
};

/** That values stand without what tells how far they can be trusted, and why. */
export const domainMissingWords = ({ message }: Pick<FailureData, "message">): string =>
  format.sentence(`intervals, domains and nearest training molecules are missing: ${message}`);

/** What is wrong with a molecule, without a full stop. */
export function errorText({ message, position }: Pick<RowError, "message" | "position">): string {
  // People count characters from 1.
  const from1 = message.replace(/position (\d+)/, (whole, number) =>
    Number(number) === position ? `position ${Number(number) + 1}` : whole,
  );
  return format.sentence(from1).replace(/\.$/, "");
}
