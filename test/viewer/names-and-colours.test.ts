import { expect, test } from 'vitest';
import { classPalette } from '../../pipeline/pictures/palette.ts';
import { counted, dataName, ofSplit } from '../../web-viewer/src/ui/format.ts';
import { onDark } from '../../web-viewer/src/ui/rgb.ts';

/** matplotlib's ten colours, which the pipeline gives to classes. */
const TAB10 = '#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd #8c564b #e377c2 #7f7f7f #bcbd22 #17becf'.split(' ');

test.each([...TAB10, ...classPalette, '#000000', '#00008b'])(
  '%s is lightened to a contrast of 3:1 with the dark panel',
  (colour) => {
    const linear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = (hex: string) => {
      const [r, g, b] = [1, 3, 5].map((at) => linear(Number.parseInt(hex.slice(at, at + 2), 16) / 255));
      return 0.2126 * Number(r) + 0.7152 * Number(g) + 0.0722 * Number(b);
    };
    expect((luminance(onDark(colour)) + 0.05) / (luminance('#1c1f25') + 0.05)).toBeGreaterThanOrEqual(3);
  },
);

test('one image is not several', () => {
  expect([0, 1, 1000].map((count) => counted(count, 'image'))).toEqual(['0 images', '1 image', '1,000 images']);
});

test('images have the name of their part of the data', () => {
  expect(['train', 'val', 'test', 'all'].map((split) => ofSplit(split, 'images'))).toEqual([
    'training images',
    'validation images',
    'test images',
    'images',
  ]);
});

test('data sets have the names that people write', () => {
  const names = ['mnist', 'fashion-mnist', '/data/cifar10/', 'my/Birds', '/a/x.npy,/a/y.npy', '/data, old/cats'];
  expect(names.map(dataName)).toEqual(['MNIST', 'Fashion-MNIST', 'CIFAR-10', 'Birds', 'x.npy,y.npy', 'cats']);
});
