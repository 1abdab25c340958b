import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { GraphProtoSchema, ModelProtoSchema } from 'onnx-buf';
import { findInitializers, OPSET } from 'tfjs-to-onnx';
import type { GaussianMixture } from '../analyse/gaussian-mixture.ts';
import { invertLower } from '../analyse/matrix.ts';
import type { Card } from '../artifacts/card.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { amendExport } from '../export/amend.ts';
import { TOLERANCE } from '../export/parity.ts';
import type { ExportedModel } from '../inference/exported.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { withSessions } from '../inference/sessions.ts';
import { sha256 } from '../io/digest.ts';
import { InputError } from '../io/errors.ts';
import { assignmentGraph } from './assigner.ts';

const ENCODER = 'encoder.onnx';
/** Begins the names of what is added to a graph. */
const PREFIX = 'clusters/';
/** The operators that are added are the same from this set on. */
const LEAST_OPSET = 13;

/** @throws InputError when a model is of an opset that nothing can be added to */
export function checkOpset({ folder, card: { opset } }: Pick<ExportedModel, 'folder' | 'card'>): void {
  if (opset < LEAST_OPSET || opset > OPSET) {
    throw new InputError(
      `--into: ${folder} is of opset ${opset}, not ${LEAST_OPSET} to ${OPSET}; export the model again`,
    );
  }
}

/** Images that the output is checked on. */
const IMAGES = 256;

/**
 * Adds the output `cluster`, float32 `[N, K]`, to the encoder of an exported model: the probability of each component of a
 * mixture of its latents. Clusters that were added before are replaced. The output is compared with what float64 gives.
 * @param model see `checkOpset`
 * @throws Error when the output differs by more than the card's tolerance
 */
export async function addClusters(
  { folder, card, ...files }: ExportedModel,
  dataset: ImageDataset,
  mixture: GaussianMixture,
  method: 'kmeans' | 'gmm',
  { signal, device, threads }: ComputeOptions,
): Promise<void> {
  const old = await readFile(join(folder, ENCODER));
  const encoder = withOutput(old, await assignmentGraph(mixture));
  const count = mixture.weights.length;
  const model = { ...files, encoder, card: { ...card, clusters: { count } } };
  const some = subset(dataset, dataset.name, spreadRows(dataset.length, IMAGES));
  const options = { device, threads, signal, graphs: ['encoder'] as const, images: some.length };
  const encoded = await withSessions(model, options, (sessions) =>
    sessions.encodeAll(some, { signal, clusters: true }),
  );
  const expected = posterior(mixture, encoded.latents);
  const parity = expected.reduce(
    (most, p, i) => Math.max(most, Math.abs(p - (encoded.clusters?.[i] ?? Number.NaN))),
    0,
  );
  if (!(parity <= TOLERANCE)) {
    throw new Error(`the output cluster differs by ${parity} from float64, more than ${TOLERANCE}; nothing was added`);
  }
  const changed: Partial<Card> = {
    clusters: { count, method, parity },
    files: { ...card.files, [ENCODER]: { sha256: sha256(encoder), bytes: encoder.length } },
    ...(card.trainStep && {
      trainStep: { ...card.trainStep, weights: movedWeights(card.trainStep.weights, old, encoder) },
    }),
  };
  await amendExport({ folder, card }, changed, { [ENCODER]: encoder }, signal);
}

/** The encoder with the nodes of a graph that takes its output `latent`, whose names get a prefix. */
function withOutput(encoder: Uint8Array, assignment: Uint8Array): Uint8Array {
  const [model, added] = [encoder, assignment].map((bytes) => fromBinary(ModelProtoSchema, bytes));
  const [graph, more] = [model?.graph, added?.graph];
  if (!model || !graph || !more) throw new Error('a file without a graph');
  const own = ({ name }: { readonly name: string }) => !name.startsWith(PREFIX);
  const renamed = (name: string) =>
    name === '' || name === 'latent' || name === 'cluster' ? name : `${PREFIX}${name}`;
  const nodes = more.node.map((node) => ({
    ...node,
    name: `${PREFIX}${node.name}`,
    input: node.input.map(renamed),
    output: node.output.map(renamed),
  }));
  const merged = create(GraphProtoSchema, {
    ...graph,
    node: [...graph.node.filter(own), ...nodes],
    initializer: [
      ...graph.initializer.filter(own),
      ...more.initializer.map((tensor) => ({ ...tensor, name: renamed(tensor.name) })),
    ],
    output: [...graph.output.filter(({ name }) => name !== 'cluster'), ...more.output],
  });
  return toBinary(ModelProtoSchema, { ...model, graph: merged });
}

type Weights = NonNullable<Card['trainStep']>['weights'];

/** The places of weights in the changed encoder. */
function movedWeights(weights: Weights, old: Uint8Array, encoder: Uint8Array): Weights {
  const [before, after] = [findInitializers(old), findInitializers(encoder)];
  return weights.map((weight) => {
    if (weight.file !== ENCODER) return weight;
    const { offset, bytes } = weight;
    const from = before.find((one) => one.offset <= offset && offset + bytes <= one.offset + one.bytes);
    const to = after.find(({ name }) => name === from?.name);
    if (!from || !to) throw new Error(`the weight ${weight.variable} is not where the card says`);
    return { ...weight, offset: to.offset + offset - from.offset };
  });
}

/** The probability of each component given each row, in float64, `[n, K]`. */
function posterior({ size, weights, means, factors }: GaussianMixture, rows: Float32Array): Float64Array {
  const k = weights.length;
  const inverses = factors.map((factor) => invertLower(factor, size));
  const probabilities = new Float64Array((rows.length / size) * k);
  for (let row = 0; row < rows.length / size; row++) {
    const logs = inverses.map((inverse, c) => {
      let log = Math.log(weights[c] as number);
      for (let i = 0, at = 0; i < size; i++) {
        let white = 0;
        for (let j = 0; j <= i; j++, at++) {
          white += (inverse[at] as number) * ((rows[row * size + j] as number) - (means[c]?.[j] as number));
        }
        log += Math.log(inverse[at - 1] as number) - (white * white) / 2;
      }
      return log;
    });
    const highest = Math.max(...logs);
    const sum = logs.reduce((total, log) => total + Math.exp(log - highest), 0);
    for (const [c, log] of logs.entries()) probabilities[row * k + c] = Math.exp(log - highest) / sum;
  }
  return probabilities;
}
