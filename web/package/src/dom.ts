/** Making elements. */

type Props<T> = Partial<Omit<T, "style" | "dataset" | "attributes">> & {
  class?: string;
  attributes?: Record<string, string>;
};

/** A new element; children that are strings become text, never HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  const { class: className, attributes, ...rest } = props;
  if (className !== undefined) made.className = className;
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  Object.assign(made, rest);
  made.append(...children);
  return made;
}

/** Text for screen readers only. */
export const spoken = (text: string): HTMLSpanElement => element("span", { class: "spoken" }, text);
