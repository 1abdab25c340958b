import type { InferenceSession } from 'onnxruntime-web/wasm';
import type { Latents, ModelFiles, Provider } from './protocol.ts';
import { compileLibrary, type Runtime, startRuntime } from './runtime.ts';
import { isFatal, reasonOf, serve } from './serve.ts';

/** A model's two sessions and their inputs. */
interface Loaded extends Omit<ModelFiles, 'encoder' | 'decoder'> {
  readonly encoder: InferenceSession;
  readonly decoder: InferenceSession;
}

let runtime: { ort: Runtime; provider: Provider } | undefined;
/** The models on it, by key. */
const models = new Map<number, Loaded>();

const calls = {
  /** Fetches the library. */
  async start(provider: Provider, onBytes: (bytes: number) => void) {
    const { ort, ...facts } = await startRuntime(provider, 0, onBytes);
    runtime = { ort, provider };
    return facts;
  },

  compile: () => compileLibrary(started().ort, started().provider),

  /** Loads another model and tries it on a gray image. */
  async load(key: number, { encoder, decoder, ...about }: ModelFiles) {
    const sessions: InferenceSession[] = [];
    try {
      const inputs = (name: string, label: boolean) => (label ? [name, 'label'] : [name]);
      const encoding = await session('encoder.onnx', encoder, inputs('image', about.conditional.encoder), 'latent');
      sessions.push(encoding);
      const decoding = await session('decoder.onnx', decoder, inputs('latent', about.conditional.decoder), 'image');
      sessions.push(decoding);
      const loaded = { ...about, encoder: encoding, decoder: decoding };
      await testRun(loaded);
      models.set(key, loaded);
    } catch (error) {
      for (const made of sessions) await made.release().catch(() => undefined);
      throw error;
    }
  },

  async release(key: number) {
    const loaded = models.get(key);
    models.delete(key);
    await loaded?.encoder.release();
    await loaded?.decoder.release();
  },

  /** Pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. */
  encode: (key: number, count: number, images: Uint8Array, labels?: Int32Array) =>
    encode(modelOf(key), count, images, labels),
  /** Latents `[N, D]` → images in [0, 1], `[N, H, W, C]`. */
  decode: (key: number, count: number, latents: Float32Array, labels?: Int32Array) =>
    decode(modelOf(key), count, latents, labels),
};
serve(calls);
export type ModelCalls = typeof calls;

async function encode(model: Loaded, count: number, images: Uint8Array, labels?: Int32Array): Promise<Latents> {
  const { ort } = started();
  const { height, width, channels } = model.image;
  const { latent, logvar, cluster } = await model.encoder.run({
    image: new ort.Tensor('uint8', images, [count, height, width, channels]),
    ...(model.conditional.encoder && { label: new ort.Tensor('int32', required(labels), [count]) }),
  });
  const floats = (tensor: typeof latent, name: string, size = model.latent) =>
    copyFloats(tensor?.data, count * size, name);
  return {
    latent: floats(latent, 'latent'),
    ...(logvar && { logvar: floats(logvar, 'logvar') }),
    ...(model.clusters > 0 && { cluster: floats(cluster, 'cluster', model.clusters) }),
  };
}

async function decode(model: Loaded, count: number, latents: Float32Array, labels?: Int32Array): Promise<Float32Array> {
  const { ort } = started();
  const { height, width, channels } = model.image;
  const { image } = await model.decoder.run({
    latent: new ort.Tensor('float32', latents, [count, model.latent]),
    ...(model.conditional.decoder && { label: new ort.Tensor('int32', required(labels), [count]) }),
  });
  return copyFloats(image?.data, count * height * width * channels, 'image');
}

/** @throws Error when a model does not turn an image into a finite image */
async function testRun(model: Loaded): Promise<void> {
  const { height, width, channels } = model.image;
  const label = Int32Array.of(0);
  const encoded = await encode(model, 1, new Uint8Array(height * width * channels).fill(96), label);
  const image = await decode(model, 1, encoded.latent, label);
  for (const [name, values] of Object.entries({ ...encoded, image })) {
    if (values && !values.every(Number.isFinite)) throw new Error(`its output for an image (${name}) is not finite`);
  }
}

function started() {
  if (!runtime) throw new Error('the runtime has not been started');
  return runtime;
}

function modelOf(key: number): Loaded {
  const found = models.get(key);
  if (!found) throw new Error('the model has been replaced');
  return found;
}

function required(labels: Int32Array | undefined): Int32Array {
  if (!labels) throw new Error('this model needs a class for each image');
  return labels;
}

/** @throws Error when a graph cannot be read, has other inputs than the card describes, or lacks an output */
async function session(file: string, bytes: Uint8Array, inputs: string[], output: string): Promise<InferenceSession> {
  const { ort, provider } = started();
  const made = await ort.InferenceSession.create(bytes, { executionProviders: [provider], logSeverityLevel: 3 }).catch(
    (error: unknown) => {
      if (isFatal(error)) throw error;
      throw new Error(`${file} is damaged, or is not a model that this page can run (${reasonOf(error)})`);
    },
  );
  const { inputNames, outputNames } = made;
  const wrong =
    inputNames.length !== inputs.length || !inputs.every((name) => inputNames.includes(name))
      ? `it takes ${inputNames.join(', ') || 'nothing'}, where ${inputs.join(' and ')} ${inputs.length > 1 ? 'were' : 'was'} expected`
      : !outputNames.includes(output) && `it returns ${outputNames.join(', ')}, where ${output} was expected`;
  if (!wrong) return made;
  await made.release();
  throw new Error(`${file} does not belong to an autoencoder: ${wrong}`);
}

/** Copies an output's values, so that they can be transferred. */
function copyFloats(data: unknown, length: number, name: string): Float32Array {
  if (!(data instanceof Float32Array) || data.length !== length) {
    throw new Error(`the model’s output ${name} is not ${length} float32 numbers`);
  }
  return data.slice();
}
