import ort from 'onnxruntime-node';
import type { SequentialBatch } from '../data/batches.ts';
import type { TrainingProgram } from '../train/program.ts';

/** The converted encoder, loaded once for all that an export wants to know of its codes. */
export class EncoderSession {
  readonly #session: ort.InferenceSession;
  readonly #program: TrainingProgram;

  private constructor(session: ort.InferenceSession, program: TrainingProgram) {
    this.#session = session;
    this.#program = program;
  }

  /** @param encoder the bytes of `encoder.onnx` */
  static async load(encoder: Uint8Array, program: TrainingProgram): Promise<EncoderSession> {
    return new EncoderSession(await ort.InferenceSession.create(encoder, { logSeverityLevel: 3 }), program);
  }

  /** Numbers in a code. */
  get size(): number {
    return this.#program.size.latent;
  }

  /** Whether codes come with variances. */
  get variational(): boolean {
    return this.#session.outputNames.includes('logvar');
  }

  /** Codes of a batch, `[count, D]`, and their log variances where the model is variational. */
  async encode({ count, images, labels }: SequentialBatch): Promise<{ latent: Float32Array; logvar?: Float32Array }> {
    const { model, size } = this.#program;
    const image = new ort.Tensor('uint8', images, [count, size.height, size.width, size.channels]);
    const label = model.conditional.encoder && labels ? { label: new ort.Tensor('int32', labels, [count]) } : {};
    const { latent, logvar } = await this.#session.run({ image, ...label });
    const floats = (tensor: ort.Tensor | undefined) => tensor?.data as Float32Array;
    return { latent: floats(latent), ...(logvar && { logvar: floats(logvar) }) };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
