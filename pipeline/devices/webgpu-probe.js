// A separate process, so that a driver's crash and what Dawn writes to stderr do not reach the parent.
import ort from 'onnxruntime-node';

/** ONNX, one node: y = x + x, both float32 [4]. */
const MODEL = 'CAo6NQoOCgF4CgF4EgF5IgNBZGQSAWdaDwoBeBIKCggIARIECgIIBGIPCgF5EgoKCAgBEgQKAggEQgQKABAV';

process.on('SIGINT', () => {}); // the parent decides when to stop

/** @param {import('./webgpu.ts').ProbeAnswer} answer */
const answer = (answer) => process.stdout.write(JSON.stringify(answer));

if (ort.listSupportedBackends().some(({ name, bundled }) => name === 'webgpu' && bundled)) {
  try {
    const session = await ort.InferenceSession.create(Buffer.from(MODEL, 'base64'), { executionProviders: ['webgpu'] });
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]) });
    const right = String(y?.data) === '2,4,6,8';
    answer(right ? {} : { failure: `1, 2, 3, 4 doubled came out as ${String(y?.data)}` });
  } catch (failure) {
    answer({ failure: failure instanceof Error ? failure.message : String(failure) });
  }
} else {
  answer({ missing: true });
}
