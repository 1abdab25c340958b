import { defineCommand } from './command.ts';
import { json } from './options.ts';
import { printResult, table } from './output.ts';

export const modelsCommand = () =>
  defineCommand({
    command: 'models',
    describe: 'List the models and their recipes',
    builder: (yargs) => yargs.option('json', json),
    async handler(argv) {
      const { models } = await import('../../models/index.ts');
      const list = Object.values(models).map(({ name, summary, recipe, conditional }) => ({
        name,
        summary,
        recipe,
        conditional,
      }));
      printResult(argv.json, list, () =>
        table(
          list.map(({ name, summary, recipe }) => [name, recipe.latent, recipe.epochs, recipe.batchSize, summary]),
          ['model', 'latent', 'epochs', 'batch', 'what it is'],
        ),
      );
    },
  });
