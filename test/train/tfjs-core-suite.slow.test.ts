import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { isSetUp } from '../../pipeline/train/engines/tfjs.ts';
import { type Failure, runCoreSuite } from './tfjs-core-suite/run.ts';

const require = createRequire(import.meta.url);

/** Features that tfjs-node lacks, by its error message, and how many specs need them. */
const notOffered = [
  {
    what: 'kernels that it does not have',
    said: /Kernel '(BitwiseAnd|DenseBincount|MaxPoolWithArgmax|Ragged(Gather|Range|TensorToTensor)|SearchSorted|Sparse(FillEmptyRows|Reshape|SegmentMean|SegmentSum)|StringNGrams|StringSplit|StringToHashBucketFast|Transform)' not registered for backend 'tensorflow'/,
    specs: 179,
  },
  {
    what: 'fused convolutions of channels-first images',
    said: /Node backend FusedConv2D does not support dataFormat:'NCHW'/,
    specs: 22,
  },
  {
    what: 'padding in numbers',
    said: /TF Backend supports only 'valid' and 'same' padding while padding was (EXPLICIT|NUMBER)/,
    specs: 31,
  },
];

/** Where TensorFlow's kernels answer differently from what the specs expect. */
const differences = {
  'windows larger than the image are refused': ['avgPool3d x=[1,1,1,1,1] f=[1,1,3] s=1 p=valid'],
  'the sizes do not belong together, which it refuses': [
    'conv2dTranspose input=8x8x8,output=4x4x8,f=8,s=1,inDepth=8,p=same vec4',
  ],
  'there is no such kernel for that type': [
    'diag bool',
    'greater should support string comparison',
    'greaterEqual should support string comparison',
    'leakyrelu int32',
    'less should support string comparison',
    'lessEqual should support string comparison',
    'step kernel with int32 tensor',
  ],
  'what tfjs refuses is computed': [
    'einsum 2d matrix calculate trace: duplicate axes not implemented yet',
    'einsum nonexistent dimension throws error',
  ],
  'indices must be a matrix': [
    'scatterND should sum the duplicated indices',
    'scatterND should work for 2d',
    'scatterND should work for multiple 1d',
    'scatterND should work for simple 1d',
    'scatterND should work for tensorLike input',
  ],
  'NaN has the sign NaN, not 0': ['sign accepts a tensor-like object', 'sign basic', 'sign does not propagate NaNs'],
  'no NaN equals another': ['unique 1d tensor with NaN and Infinity'],
  'a seed starts a sequence, which the next call continues': ['multinomial creates the same data given the same seed'],
  'one unit in the last place of 30144 is more than 0.001': ['tan numbers exceed float32 precision'],
  'rounded integers are 0, a fault of TensorFlow 2.21': ['round int32'],
};

/** A spec's name without the part that is the same for all. */
const short = (name: string): string => name.replace(/ +test-tensorflow \{\}/, '');

/** The specs that the authors of tfjs-node leave out when they run this suite: parts of names. */
function leftOutByAuthors(): string[] {
  const source = join(dirname(require.resolve('@tensorflow/tfjs-node')), '..', 'src', 'run_tests.ts');
  const [, list = ''] = /IGNORE_LIST: string\[\] = \[\n(.*?)\n\];/s.exec(readFileSync(source, 'utf8')) ?? [];
  return [...list.matchAll(/^ +'(.*)',/gm)].map(([, part = '']) => part);
}

test("tfjs-core's own specs pass on tfjs-node, but for what it is known not to do", async ({ skip }) => {
  if (!isSetUp('tfjs-node')) {
    const reason = 'tfjs-node is not set up; `npx convae setup tfjs-node` does it';
    console.log(`skipped: ${reason}`);
    skip(reason);
  }
  const { ran, failed } = await runCoreSuite();
  expect(ran).toBeGreaterThanOrEqual(4000);

  const others = failed.filter(({ message }) => !notOffered.some(({ said }) => said.test(message)));
  const count = (said: RegExp) => failed.filter(({ message }) => said.test(message)).length;
  expect(notOffered.map(({ what, said }) => [what, count(said)])).toEqual(
    notOffered.map(({ what, specs }) => [what, specs]),
  );
  expect(others.map(({ name }) => short(name)).sort()).toEqual(Object.values(differences).flat().sort());

  // All of it is as it was with the TensorFlow that tfjs-node was made for, but for one spec.
  const leftOut = leftOutByAuthors();
  const isNew = ({ name }: Failure) => !leftOut.some((part) => name.includes(part));
  expect(failed.filter(isNew).map(({ name }) => short(name))).toEqual(['round int32']);
}, 120_000);
