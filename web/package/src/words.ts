/** What is said of results, wherever they are shown. */

import * as format from "./format.js";
import type { Domain, RowError } from "./protocol.js";

export const BANDS: Record<Domain, string> = {
  in: "in the model’s domain",
  borderline: "borderline, at the edge of the model’s domain",
  out: "outside the model’s domain",
};

/** Why a row has no result, without a full stop. */
export function errorText({ message, position }: RowError): string {
  // People count characters from 1.
  const from1 = message.replace(/position (\d+)/, (whole, number) =>
    Number(number) === position ? `position ${Number(number) + 1}` : whole,
  );
  return format.sentence(from1).replace(/\.$/, "");
}
