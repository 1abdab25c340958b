import { DATA_FORMS } from '../data/forms.ts';
import { InputError } from '../io/errors.ts';
import { defineCommand } from './command.ts';
import { dataOptions, dataOptionsOf, flag, options, pick, pngFile } from './options.ts';
import { size } from './output.ts';

export const data = defineCommand({
  command: 'data [data]',
  describe: 'Show what an image set contains and how it is read',
  options: {
    data: options.data,
    ...dataOptions,
    ...pick('only-class'),
    sheet: pngFile('sheet', 'write: a contact sheet of training images exactly as a model sees them'),
    'clear-cache': flag('delete the decoded images of all data sets'),
    ...pick('quiet'),
  },
  examples: {
    'data photos --size 64 --sheet photos.png': 'look at a folder of images before training on it',
    'data --clear-cache': 'free the disk space of decoded images',
  },
  details: `The images may be\n${DATA_FORMS.map((form) => `  ${form}\n`).join('')}`,
  async run({ data, sheet, clearCache, ...args }, { signal, countImages }) {
    if (clearCache) {
      const { clearImageCache, imageCache } = await import('../data/image-cache.ts');
      const cache = imageCache(args.cache);
      return { cache, freed: await clearImageCache(cache) };
    }
    if (data === undefined) {
      throw new InputError('an argument is missing: name the images, or give --clear-cache (see `convae data --help`)');
    }
    const { describeData } = await import('../describe/describe.ts');
    return countImages((_, progress) => describeData(data, dataOptionsOf(args, { signal, progress }), sheet));
  },
  async print(result) {
    if ('freed' in result)
      return {
        rows: [
          ['cache', result.cache],
          ['freed', size(result.freed)],
        ],
      };
    const { summaryRows } = await import('../data/summary.ts');
    return { rows: [...summaryRows(result), ...(result.sheet === undefined ? [] : [['sheet', result.sheet]])] };
  },
});
