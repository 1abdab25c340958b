/** Set by vite.config.ts: bytes of ONNX Runtime's libraries. */
declare const WASM_BYTES: number;
declare const WEBGPU_BYTES: number;
