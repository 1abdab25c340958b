/** Sizes of ONNX Runtime's libraries in bytes, defined by vite.config.ts. */
declare const WASM_BYTES: number;
declare const WEBGPU_BYTES: number;
