import type { Site } from '../site/site.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, size, table } from './output.ts';

const PORT = 8080;

/** Here alone arguments are lists: of the others the last one counts, as it does everywhere. */
const LISTS = { 'duplicate-arguments-array': true, 'greedy-arrays': false, 'dot-notation': false };
const SINGLE = ['out', 'split', 'port', 'device', 'app'];

export const siteCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'site [exported..]',
    describe: 'Make a static web page to explore exported models in',
    builder: (yargs) =>
      yargs
        .parserConfiguration(LISTS)
        .middleware((options) => {
          for (const name of SINGLE) {
            const value = options[name];
            if (Array.isArray(value)) options[name] = value.at(-1);
          }
        }, true)
        .positional('exported', {
          describe: 'folders that `convae export` made; the first is shown first',
          type: 'string',
          array: true,
          default: [] as string[],
        })
        .option('out', {
          describe: 'the folder for the page; a page that is there is replaced',
          type: 'string',
          requiresArg: true,
          demandOption: true,
        })
        .option('data', {
          describe: `the models' images, once for each data set: ${DATA}`,
          type: 'string',
          array: true,
          requiresArg: true,
          default: [] as string[],
          defaultDescription: 'what each model was trained on',
        })
        .option('split', {
          describe: 'which of the images to show',
          choices: ['test', 'train', 'all'] as const,
          default: 'test' as const,
          requiresArg: true,
        })
        .option('serve', { describe: 'then show the page on http://localhost', type: 'boolean', default: false })
        .options(wholeNumbers({ port: ['where to serve', String(PORT)] }, 0))
        .option('device', device)
        .option('app', { type: 'string', requiresArg: true, hidden: true })
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 site exported/cvae exported/cae2 --out site', 'a folder for any static host')
        .example('$0 site exported/cvae --out site --serve', 'and look at it at once'),
    async handler({ quiet, json, serve, port, ...options }) {
      const [{ buildSite }, { withStageProgress }, { serveFolder }] = await Promise.all([
        import('../site/site.ts'),
        import('../io/progress.ts'),
        import('../site/serve.ts'),
      ]);
      const note = (line: string) => void (quiet || process.stderr.write(`${line}\n`));
      const site = await withStageProgress({ quiet }, (progress) => buildSite({ ...options, note, progress, signal }));
      printResult(json, site, (made) => describe(made, serve));
      if (!serve) return;
      const served = await serveFolder(site.out, { port: port ?? PORT });
      process.stderr.write(`${served.url} (Ctrl-C ends)\n`);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await served.close();
    },
  });

const describe = ({ out, models, bytes, seconds }: Site, served: boolean) =>
  [
    table(
      models.map((model) => [model.name, number(model.points), model.map, size(model.bytes)]),
      ['model', 'points', 'map', 'bytes'],
    ),
    `${out}: ${size(bytes)} in ${number(seconds, 1)} s, for any static host${served ? '' : '; the same command with --serve shows it here'}`,
  ].join('\n');
