import init, { depict, descriptors, Engine, Table } from "delicate-webgpu/delicate.js";
import wasm from "delicate-webgpu/delicate_bg.wasm?url";
import { serve } from "./serve.js";

serve("webgpu", { default: init, depict, descriptors, Engine, Table }, wasm);
