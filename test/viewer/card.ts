/** A card of a small model, as `convae export` writes it. */
export const card = () => ({
  format: 1,
  convae: '0.1.0',
  model: { name: 'tiny', summary: 'a small model', error: 'binary cross-entropy', variational: true },
  dataset: {
    name: 'dots',
    train: { images: 20, fingerprint: `sha256:${'a'.repeat(64)}` },
    test: { images: 10, fingerprint: `sha256:${'b'.repeat(64)}` },
  },
  image: { height: 4, width: 5, channels: 3 },
  latent: {
    size: 2,
    statistics: { over: 'test', images: 10, mean: [1, -1], std: [2, 0.5], min: [-3, -2], max: [4, 0] },
  },
  classes: ['dot', 'dash'],
  conditional: { encoder: false, decoder: true },
  files: {
    'encoder.onnx': { sha256: 'e'.repeat(64), bytes: 1000 },
    'decoder.onnx': { sha256: 'd'.repeat(64), bytes: 500 },
  },
  opset: 18,
  metrics: {
    epoch: 3,
    step: 60,
    train: { loss: 0.5, reconstruction: 0.4, kl: 0.1 },
    test: { loss: 0.25, reconstruction: 0.2, kl: 0.05 },
  },
  parity: { images: 16, latent: 1e-6, image: 1e-7, tolerance: 1e-4 },
  training: {
    recipe: { epochs: 5, batchSize: 8, optimizer: { name: 'adam', learningRate: 0.001, epsilon: 1e-8 }, klWarmUp: 2 },
    seed: 7,
    epochs: 3,
    engine: null,
  },
});

/** An npy file of float32 numbers. */
export function npy(shape: readonly number[], values: readonly number[]): Uint8Array<ArrayBuffer> {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const text = `${header.padEnd(128 - 10 - 1)}\n`;
  const bytes = new Uint8Array(128 + 4 * values.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), 128);
  return bytes;
}
