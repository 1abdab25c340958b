import { describe, expect, test } from 'vitest';
import { chooseScaling, rangeOf, toBytes } from '../../pipeline/data/scale.ts';
import { expectFacts, inputErrorOf } from './support.ts';

const scaling = (type: string, min: number, max: number, given?: [number, number]) =>
  chooseScaling({ type, min, max }, 'photos', { range: given });
const refusal = (type: string, min: number, max: number) => inputErrorOf((async () => scaling(type, min, max))());

describe('numbers of a type are scaled from', () => {
  test.each<[string, number, number, [number, number], string]>([
    ['uint8', 0, 255, [0, 255], '8 bits'],
    ['uint8', 12, 200, [0, 255], '8 bits'],
    ['uint8', 0, 16, [0, 255], '8 bits'],
    ['uint8', 0, 2, [0, 255], '8 bits'],
    ['uint8', 0, 0, [0, 255], '8 bits'],
    ['uint8', 0, 1, [0, 1], 'masks of 0 and 1'],
    ['uint8', 1, 1, [0, 1], 'masks of 0 and 1'],
    ['bool', 0, 1, [0, 1], 'masks of 0 and 1'],
    ['bool', 0, 0, [0, 1], 'masks of 0 and 1'],
    ['uint16', 0, 1, [0, 1], 'masks of 0 and 1'],
    ['uint16', 0, 255, [0, 255], '8 bits in uint16'],
    ['uint16', 0, 256, [0, 4095], '12 bits in uint16'],
    ['uint16', 0, 1023, [0, 4095], '12 bits in uint16'],
    ['uint16', 90, 4095, [0, 4095], '12 bits in uint16'],
    ['uint16', 0, 4096, [0, 65535], '16 bits'],
    ['uint16', 0, 65535, [0, 65535], '16 bits'],
    ['int16', 0, 3000, [0, 4095], '12 bits in int16'],
    ['int64', 0, 255, [0, 255], '8 bits in int64'],
    ['uint64', 0, 1, [0, 1], 'masks of 0 and 1'],
    ['int32', 0, 65535, [0, 65535], '16 bits in int32'],
    ['uint32', 0, 65535, [0, 65535], '16 bits in uint32'],
    ['float32', 0, 1, [0, 1], 'from 0 to 1'],
    ['float64', 0.2, 0.7, [0, 1], 'from 0 to 1'],
    ['float32', 0, 0.01, [0, 1], 'from 0 to 1'],
    ['float32', -1e-7, 1.0000001, [0, 1], 'from 0 to 1'],
    ['float16', 0, 0, [0, 1], 'from 0 to 1'],
    ['float32', 1, 1, [0, 1], 'from 0 to 1'],
    ['float32', -1, 1, [-1, 1], 'from -1 to 1'],
    ['float32', -0.97, 0.4, [-1, 1], 'from -1 to 1'],
    ['float32', -1, -1, [-1, 1], 'from -1 to 1'],
    ['float32', 0, 255, [0, 255], 'from 0 to 255'],
    ['float64', 3.5, 254.99, [0, 255], 'from 0 to 255'],
    ['float64', 128, 128, [0, 255], 'from 0 to 255'],
  ])('%s %d … %d', (type, min, max, from, rule) => {
    expect(scaling(type, min, max)).toEqual({ type, from, rule });
  });
});

describe('a range that may be several is refused:', () => {
  test.each([
    ['float64', 0, 16, '--range 0,16'],
    ['float32', -2.1179039478, 2.64, '--range=-2.1179,2.64'],
    ['float32', -0.42421296, 2.8214867, '--range=-0.424213,2.82149'],
    ['float32', -0.03, 1, '--range=-0.03,1'],
    ['float32', 0, 1.03, '--range 0,1.03'],
    ['float32', 0, 1 / 255, '--range 0,0.00392157'],
    ['float32', -1.2, 1, '--range=-1.2,1'],
    ['float32', 0, 100, '--range 0,100'],
    ['float32', 0, 255.1, '--range 0,255.1'],
    ['float32', 0, 4095, '--range 0,4095'],
    ['float32', 5, 5, '--range 5,6'],
    ['int8', -128, 127, '--range=-128,127'],
    ['int8', 0, 127, '--range 0,127'],
    ['int16', 0, 32767, '--range 0,32767'],
    ['int16', -1024, 3071, '--range=-1024,3071'],
    ['uint32', 0, 65536, '--range 0,65536'],
    ['int64', -1, 1, '--range=-1,1'],
  ])('%s %d … %d', async (type, min, max, option) => {
    expectFacts(await refusal(type, min, max), 'photos: ', type, option);
  });
});

test('the range that is given is used for any type', () => {
  for (const type of ['uint8', 'bool', 'uint16', 'float32']) {
    expect(scaling(type, -5, 16, [0, 16])).toEqual({ type, from: [0, 16], rule: 'given by --range' });
  }
});

test('the range of an image; NaN and infinity are refused', async () => {
  expect(rangeOf(Float32Array.of(0.5, -2, 7), 'a.tiff')).toEqual({ min: -2, max: 7 });
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const message = await inputErrorOf((async () => rangeOf(Float64Array.of(0, 1, bad), 'a.tiff'))());
    expectFacts(message, 'a.tiff: ', '2', String(bad));
  }
});

describe('numbers become bytes, to the nearest:', () => {
  test.each<[string, Parameters<typeof toBytes>[0], readonly [number, number], number[], number]>([
    ['as they are', Uint8Array.of(0, 7, 255), [0, 255], [0, 7, 255], 0],
    ['masks', Uint8Array.of(0, 1), [0, 1], [0, 255], 0],
    ['12 bits', Uint16Array.of(0, 8, 9, 2048, 4095), [0, 4095], [0, 0, 1, 128, 255], 0],
    ['16 bits', Uint16Array.of(0, 128, 129, 257, 65535), [0, 65535], [0, 0, 1, 1, 255], 0],
    ['halves', Float64Array.of(0, 0.5, 1.5 / 255, 1), [0, 1], [0, 128, 2, 255], 0],
    ['k/255 in float32', Float32Array.from({ length: 256 }, (_, k) => k / 255), [0, 1], [...Array(256).keys()], 0],
    ['from −1', Float32Array.of(-1, 0, 1), [-1, 1], [0, 128, 255], 0],
    ['clipped', Float32Array.of(-0.1, -0.001, 1.001, 1.2, 0.2), [0, 1], [0, 0, 255, 255, 51], 2],
    ['signed', Int16Array.of(-1000, 0, 1000), [-500, 500], [0, 128, 255], 2],
  ])('%s', (_, values, from, bytes, clipped) => {
    const target = new Uint8Array(values.length);
    expect(toBytes(values, { from }, target)).toBe(clipped);
    expect([...target]).toEqual(bytes);
  });
});
