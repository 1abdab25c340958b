/** What `--engine` and `--device` take. Apart from the engines, so that reading it loads none. */
export const engineChoices = ['auto', 'onnx', 'tfjs-node', 'tfjs-node-gpu', 'tfjs-cpu'] as const;
export const deviceChoices = ['auto', 'cpu', 'cuda', 'webgpu'] as const;
export type EngineChoice = (typeof engineChoices)[number];
export type DeviceChoice = (typeof deviceChoices)[number];
