import * as glue from "delicate-cpu/delicate.js";
import { browser } from "./browser.js";
import { serve } from "./serve.js";

const wasm = new URL("../../../pkg/cpu/delicate_bg.wasm", import.meta.url).href;
serve("cpu", glue, wasm, browser);
