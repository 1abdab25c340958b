import type { SamplerName } from '../generate/samplers.ts';
import type { DrawnPictures, Evaluation } from '../report/evaluate.ts';
import { defineCommand } from './command.ts';
import { choice, dataOptionsOf, flag, integers, options, pick, readingOptions, text } from './options.ts';
import { number, seconds } from './output.ts';

/** The printout of a command that writes something for each image. */
export const written = (
  name: string,
  out: string,
  images: number,
  speed: { seconds: number; imagesPerSecond: number },
) => ({
  rows: [
    [name, out],
    ['images', number(images)],
    ['time', `${seconds(speed.seconds)}, ${number(speed.imagesPerSecond)} images/s`],
  ],
});

export const evaluate = defineCommand({
  command: 'evaluate <exported>',
  describe: 'Measure an exported model and write a report with pictures',
  options: {
    exported: options.exported,
    data: { ...options.data, defaultDescription: 'the training data of the model' },
    out: { ...text('output folder'), defaultDescription: 'report/ in <exported>, pictures/ with --pictures-only' },
    'pictures-only': flag('only draw the pictures, as PNG and SVG'),
    seed: { ...options.seed, default: 0 },
    ...readingOptions,
    ...pick('quick', 'device', 'batch-size', 'threads', 'quiet'),
  },
  examples: {
    'evaluate exported/cae': 'write exported/cae/report/: report.html, report.md, report.json and pictures',
    'evaluate exported/cae --pictures-only': 'draw into exported/cae/pictures/',
  },
  async run({ picturesOnly, ...args }, { signal, note, showStages }) {
    const { drawPictures, evaluate } = await import('../report/evaluate.ts');
    return showStages<Evaluation | DrawnPictures>((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return (picturesOnly ? drawPictures : evaluate)({ ...args, dataOptions, signal, progress });
    });
  },
  async print(result) {
    const { out } = result;
    if ('pictures' in result) {
      const rows = result.pictures.map(({ title, files }) => [title, files.map((file) => `${out}/${file}`).join(', ')]);
      return { rows: [...rows, ['time', seconds(result.seconds)]] };
    }
    const { figureRows } = await import('../report/figures.ts');
    const time = seconds(result.report.seconds.total);
    const rows = [...figureRows(result.report), ['time', time], ['report', `${out}/report.html`]];
    return { rows, notes: result.report.notes };
  },
});

export const sample = defineCommand({
  command: 'sample <exported>',
  describe: 'Generate images',
  options: {
    exported: options.exported,
    out: { ...text('output folder: numbered PNG files, grid.png and latents.csv'), demandOption: true },
    ...integers({ n: ['number of images', '100; 10 per class when all classes are generated'] }),
    class: {
      ...text('class to generate, by name or index, for conditional models'),
      defaultDescription: 'all (each latent is decoded once per class)',
    },
    sampler: {
      ...choice(
        'source of the latents: N(0, I), the Gaussian mixture of the training latents, or lines between two latents',
        ['prior', 'mixture', 'interpolation'] as const satisfies readonly SamplerName[],
      ),
      defaultDescription: 'prior for variational models, else mixture',
    },
    seed: { ...options.seed, default: 0 },
    ...pick('device', 'threads', 'quiet'),
  },
  examples: {
    'sample exported/cvae --out samples': 'generate 100 images',
    'sample exported/ccvae --class 7 --n 10 --out sevens': 'generate ten images of one class',
    'sample exported/cvae --sampler interpolation --out lines': 'generate ten images along each of ten lines',
  },
  async run(args, { signal, countImages }) {
    const { sample } = await import('../generate/sample.ts');
    return countImages((progress) => sample({ ...args, signal, progress }));
  },
  print: ({ out, images, sampler, seed, classes, ...result }) => ({
    rows: [
      ['samples', out],
      ['images', number(images)],
      ['sampler', `${sampler}, seed ${seed}`],
      ...(classes ? [['classes', classes.join(', ')]] : []),
      ['time', seconds(result.seconds)],
    ],
  }),
});

export const reconstruct = defineCommand({
  command: 'reconstruct <exported>',
  describe: 'Encode images and decode them again',
  options: {
    exported: options.exported,
    data: { ...options.data, demandOption: true },
    split: { ...options.split, defaultDescription: 'test, or val where there is no test part; a single image itself' },
    ...integers({ n: ['number of images, evenly spaced', 'all'] }),
    out: { ...text('output folder: a PNG file per image, named by its id, and grid.png'), demandOption: true },
    ...readingOptions,
    ...pick('device', 'threads', 'quiet'),
  },
  examples: {
    'reconstruct exported/cae --data mnist --n 100 --out reconstructions': 'reconstruct 100 test images',
  },
  async run(args, { signal, note, countImages }) {
    const { reconstruct } = await import('../generate/reconstruct.ts');
    return countImages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return reconstruct({ ...args, dataOptions, signal, note, progress });
    });
  },
  print: ({ out, images, ...speed }) => written('reconstructions', out, images, speed),
});
