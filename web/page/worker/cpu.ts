import init, { depict, descriptors, Engine, Table } from "delicate-cpu/delicate.js";
import wasm from "delicate-cpu/delicate_bg.wasm?url";
import { serve } from "./serve.js";

serve("cpu", { default: init, depict, descriptors, Engine, Table }, wasm);
