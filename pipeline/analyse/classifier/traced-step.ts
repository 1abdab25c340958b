import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import {
  type InputSpec,
  type LayeredModel,
  type Layout,
  layoutOf,
  lowerTape,
  NEXT,
  packGraph,
  serialize,
  type Target,
  trace,
  unpackGraph,
} from 'tfjs-to-onnx';

type Tensors = Record<string, ort.Tensor>;
type Program = (inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>;

export interface TracedStepOptions {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** What the program assigns; the present values are where it starts from. */
  readonly variables: Readonly<Record<string, tf.Variable>>;
  /** Models by the prefix that the names of their layers' nodes get. */
  readonly models: Readonly<Record<string, LayeredModel>>;
  readonly target: Target;
  /** Threads inside an operator; 0 leaves the choice to ONNX Runtime. */
  readonly threads: number;
}

/** A program that assigns variables, traced once and run by ONNX Runtime again and again. */
export class TracedStep {
  readonly #session: ort.InferenceSession;
  readonly #layout: Layout;
  readonly #options: TracedStepOptions;
  /** The state's buffers, and the ones that the next run writes them to. */
  #current: Tensors;
  #spare: Tensors;

  private constructor(session: ort.InferenceSession, layout: Layout, packed: Tensors, options: TracedStepOptions) {
    this.#session = session;
    this.#layout = layout;
    this.#options = options;
    const changed = Object.entries(packed).filter(([name]) => session.outputNames.includes(name + NEXT));
    this.#current = packed;
    this.#spare = Object.fromEntries(
      changed.map(([name, { size, dims }]) => [name, new ort.Tensor('float32', new Float32Array(size), dims)]),
    );
  }

  /** @throws Error when the program uses something that cannot be part of a graph */
  static async create(program: Program, options: TracedStepOptions): Promise<TracedStep> {
    const { inputs, variables, models, target, threads } = options;
    const tape = trace(program, { inputs, variables, models, strict: true });
    const layout = layoutOf(tape, target);
    const values = Object.entries(variables).map(([name, variable]) => {
      return [name, new ort.Tensor('float32', Float32Array.from(variable.dataSync()), variable.shape)] as const;
    });
    const packed = await runOnce(serialize(packGraph(layout)), Object.fromEntries(values));
    const buffers = layout.buffers.map(({ name }) => [name, packed[`${name}:packed`] as ort.Tensor] as const);
    const session = await ort.InferenceSession.create(serialize(lowerTape(tape, target, { layout })), {
      ...(threads > 0 && { intraOpNumThreads: threads }),
      logSeverityLevel: 3,
      extra: { session: { set_denormal_as_zero: '1' } },
    });
    return new TracedStep(session, layout, Object.fromEntries(buffers), options);
  }

  /** Runs the program once. Returns its outputs, each a scalar. */
  async run(inputs: Tensors): Promise<Record<string, number>> {
    const { inputNames, outputNames } = this.#session;
    const feeds = { ...this.#current, ...inputs };
    const used = Object.fromEntries(Object.entries(feeds).filter(([name]) => inputNames.includes(name)));
    const fetches = Object.fromEntries(outputNames.map((name) => [name, null as ort.Tensor | null]));
    for (const [name, spare] of Object.entries(this.#spare)) fetches[name + NEXT] = spare;
    const outputs = await this.#session.run(used, fetches);
    const written = this.#spare;
    this.#spare = Object.fromEntries(Object.keys(written).map((name) => [name, this.#current[name] as ort.Tensor]));
    this.#current = { ...this.#current, ...written };
    const scalars = Object.entries(outputs).filter(([name]) => !name.endsWith(NEXT));
    return Object.fromEntries(scalars.map(([name, value]) => [name, Number((value as ort.Tensor).data[0])]));
  }

  /** Brings the variables up to date. */
  async pull(): Promise<void> {
    const feeds = Object.fromEntries(Object.entries(this.#current).map(([name, held]) => [`${name}:packed`, held]));
    const values = await runOnce(serialize(unpackGraph(this.#layout)), feeds);
    for (const [name, variable] of Object.entries(this.#options.variables)) {
      const data = Float32Array.from(values[name]?.data as Float32Array);
      tf.tidy(() => variable.assign(tf.tensor(data, variable.shape, variable.dtype)));
    }
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

async function runOnce(bytes: Uint8Array, feeds: Tensors): Promise<Tensors> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    return (await session.run(feeds)) as Tensors;
  } finally {
    await session.release();
  }
}
