import * as glue from "delicate-webgpu/delicate.js";
import { browser } from "./browser.js";
import { serve } from "./serve.js";

const wasm = new URL("../../../pkg/gpu/delicate_bg.wasm", import.meta.url).href;
serve("webgpu", glue, wasm, browser);
