/** Sizes of ONNX Runtime's libraries in bytes as they are fetched, defined by vite.config.ts. */
declare const WASM_BYTES: number;
declare const WEBGPU_BYTES: number;
