/** Numbers as people read them. */

import type { Endpoint, EndpointTask, Interval, Standardization } from "./protocol.js";

const whole = new Intl.NumberFormat("en");

export const count = (value: number): string => whole.format(value);

/** "1 row", "2 rows". */
export const plural = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** "1st", "22nd", "113th". */
export function ordinal(value: number): string {
  const tens = value % 100;
  const ends: Record<number, string> = { 1: "st", 2: "nd", 3: "rd" };
  return `${value}${tens > 10 && tens < 14 ? "th" : (ends[value % 10] ?? "th")}`;
}

/** A model's value: two decimals, which is as much as its error warrants. */
export function score(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = value.toFixed(2);
  return digits === "-0.00" ? "0.00" : digits.replace("-", "\u2212");
}

/** A number that has no endpoint to tell its decimals: two, or two digits where those would say nothing. */
export const plain = (value: number): string =>
  Number.isFinite(value) && value !== 0 && Math.abs(value) < 0.01
    ? value.toPrecision(2).replace("-", "\u2212")
    : score(value);

/** A number for programs: the shortest that is the same in single precision; empty where it is none. */
export function single(value: number): string {
  if (!Number.isFinite(value)) return "";
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

/** What tells how an endpoint's values are printed. */
export type Printed = Pick<Endpoint, "task" | "transform" | "scaling">;

/** The quartiles of a normal distribution, in its standard deviations from the mean. */
const QUARTILE = 0.6745;

/**
 * The decimals of all values of an endpoint, so that a column can be read down and its numbers are
 * the same wherever they stand: as many as the errors of a model warrant, which grow with the spread
 * of what it learnt from.
 */
export function decimals({ task, transform, scaling: { mean, deviation } }: Printed): number {
  if (task === "classification") return 2;
  if (transform === "log10") {
    // Errors are factors. Two figures at the lower quartile are enough for whatever is above it.
    return within(1 - Math.floor(mean - QUARTILE * deviation));
  }
  if (!(deviation > 0)) return 2;
  return deviation >= 10 ? 0 : within(1 - Math.floor(Math.log10(deviation / 3)));
}

const within = (decimals: number): number => Math.min(6, Math.max(0, decimals));

/** Probabilities, and what was learnt as a logarithm, are more than nothing. */
const isPositive = ({ task, transform }: Printed): boolean =>
  task === "classification" || transform === "log10";

/** A value of an endpoint; "<0.01" for what is more than nothing and would read as nothing. */
export function estimate(value: number, endpoint: Printed): string {
  if (!Number.isFinite(value)) return String(value);
  const places = decimals(endpoint);
  const digits = fixed(value, places);
  return value > 0 && Number(digits) === 0 && isPositive(endpoint)
    ? `<${(10 ** -places).toFixed(places)}`
    : digits;
}

/** What is between two values as they are printed, so that whoever subtracts them finds the same. */
export function difference(
  before: number,
  after: number,
  endpoint: Printed,
): { change: number; text: string } {
  const places = decimals(endpoint);
  const [from, to] = [before, after].map((value) => Number(value.toFixed(places)));
  const change = Number(((to ?? Number.NaN) - (from ?? Number.NaN)).toFixed(places));
  const digits = fixed(change, places);
  return { change, text: change > 0 ? `+${digits}` : digits };
}

/** The interval, as the value is printed. */
export const bounds = ({ low, high }: Interval, endpoint: Printed): string =>
  `${estimate(low, endpoint)} to ${estimate(high, endpoint)}`;

function fixed(value: number, decimals: number): string {
  const digits = value.toFixed(decimals);
  return (Number(digits) === 0 ? digits.replace("-", "") : digits).replace("-", "\u2212");
}

/** A unit as it is printed: "10⁻⁶ cm/s" for "1e-6 cm/s", "10⁶ cells" for "10^6 cells". */
export const unit = (text: string): string =>
  text.replace(
    /\b(?:1e|10\^)([-+]?)(\d+)/,
    (_, sign: string, digits: string) =>
      `10${sign === "-" ? "\u207b" : ""}${[...digits].map((digit) => SUPERSCRIPT[Number(digit)]).join("")}`,
  );

/** What the values of an endpoint are in, as it is printed; of a class, that they are probabilities. */
export const unitOf = ({
  unit: text = "",
  task,
}: {
  unit?: string;
  task?: EndpointTask | undefined;
}): string => (text === "" && task === "classification" ? "probability" : unit(text));

/** What stands behind a unit that is not self-evident; empty for others. */
export function unitMeaning(text: string): string {
  const scaled = /^z of (.+)$/.exec(text)?.[1];
  return scaled === undefined
    ? ""
    : `Standard deviations of ${scaled} from the mean of the training data, which is 0`;
}
const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A difference: its sign always, and two decimals. */
export function signed(value: number): string {
  const digits = score(value);
  return value > 0 && digits !== "0.00" ? `+${digits}` : digits;
}

/** "−3.21 to −1.75". */
export const interval = ({ low, high }: { low: number; high: number }): string =>
  `${score(low)} to ${score(high)}`;

export function rate(perSecond: number): string {
  const digits =
    perSecond >= 100 ? count(Math.round(perSecond)) : String(Number(perSecond.toPrecision(2)));
  return `${digits} molecules/s`;
}

export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`;
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 10_000 ? 1 : 0)} kB`;
  return `${(value / 1_000_000).toFixed(1)} MB`;
}

/** "12 s", "3 min 20 s", "2 h 5 min": coarse, so that a countdown does not flicker. */
export function duration(seconds: number): string {
  if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 600) {
    const tens = Math.round(seconds / 10) * 10;
    const rest = tens % 60;
    return `${Math.floor(tens / 60)} min${rest > 0 ? ` ${rest} s` : ""}`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h${minutes % 60 > 0 ? ` ${minutes % 60} min` : ""}`;
}

/** "9.6 million", "512,000". */
export const parameters = (value: number): string =>
  value >= 1_000_000 ? `${Number((value / 1_000_000).toPrecision(3))} million` : count(value);

/** What was done to a molecule before it was scored, part by part. */
export const changes = (done: Standardization): string[] => [
  ...(done.left_out.length > 0 ? [`left out: ${done.left_out.join(", ")}`] : []),
  ...(done.neutralized > 0 ? [`charges removed: ${count(done.neutralized)}`] : []),
  ...(done.isotopes > 0 ? [`isotopes dropped: ${count(done.isotopes)}`] : []),
  ...(done.stereo ? ["stereo not read"] : []),
  ...done.notes,
];

/** An error's message as a clause on a page: quotation marks instead of Markdown's, a full stop. */
export function clause(message: string): string {
  const text = message.trim().replaceAll(/`([^`]*)`/g, "“$1”");
  return `${text}${/[.!?:…]$/.test(text) ? "" : "."}`;
}

/** The same as a sentence, with a capital. */
export function sentence(message: string): string {
  const text = clause(message);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
