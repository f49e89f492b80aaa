/** What the package is built with; see build.ts. */
declare module "virtual:inside" {
  export const model: import("./model.js").Inside;
  export const moduleBytes: { cpu: number; webgpu: number };
}
