/** Drawing on a canvas, as sharp as the screen is, in the colours of the page. */

/** A canvas ready to be drawn on in CSS pixels; null where the browser gives none. */
export interface Surface {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  /** The colour that a custom property of the style sheet names. */
  colour(name: string): string;
}

/** Clears a canvas that is as wide as its place. */
export function surface(canvas: HTMLCanvasElement, height: number): Surface | null {
  const ratio = window.devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  context.font = `12px ${style.fontFamily}`;
  context.lineWidth = 1;
  return { context, width, height, colour: (name) => style.getPropertyValue(name).trim() };
}

/** The bars of a histogram; `at` says where bins and counts are. */
export function bars(
  context: CanvasRenderingContext2D,
  counts: readonly number[],
  at: { bin(bin: number): number; y(count: number): number },
): void {
  const bottom = at.y(0);
  counts.forEach((count, bin) => {
    const [left, right, top] = [at.bin(bin), at.bin(bin + 1), at.y(count)];
    context.fillRect(left + 0.5, top, right - left - 1, bottom - top);
  });
}

export function line(
  context: CanvasRenderingContext2D,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** A tick's number. */
export const label = (value: number): string => String(value).replace("-", "\u2212");
