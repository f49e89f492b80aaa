/** What of the drawing library goes into the page and the package. */

/**
 * The drawing library without what the page never asks of it: a file of parameters for force fields
 * and conformers, and pointers as data: URLs, which the content security policy refuses.
 */
export function drawingLibrary() {
  return {
    name: "delicate-drawing",
    transform(code: string, id: string): { code: string; map: null } | null {
      if (!/[\\/]openchemlib[\\/]dist[\\/]openchemlib\.js$/.test(id)) return null;
      const changes: [RegExp, string][] = [
        [/new URL\("resources\.json",import\.meta\.url\)\.href/g, '""'],
        [/"url\(data:image\/png;base64,[^)]*\)"/g, '""'],
        // A pointer's place in its picture, which is gone.
        [/`\$\{[^}]*\} \$\{[^}]*\} \$\{[^}]*\}, default`/g, '"crosshair"'],
      ];
      let text = code;
      for (const [found, put] of changes) {
        const changed = text.replaceAll(found, put);
        if (changed === text) throw new Error(`openchemlib has changed: no ${found} in it`);
        text = changed;
      }
      return { code: text, map: null };
    },
  };
}
