/** `engine-probe.ts ENGINE`: prints, as JSON, whether an engine of tfjs can be used. */
import { Unavailable } from '../io/errors.ts';
import { prepareEngine } from '../train/engines/index.ts';
import { describeTfjs, type TfjsName } from '../train/engines/tfjs.ts';
import type { Answer } from './doctor.ts';

async function probe(name: TfjsName): Promise<Answer> {
  try {
    await prepareEngine(name, 'auto');
    return { about: describeTfjs(name), remedy: null };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return { about: error.reason, remedy: error.remedy };
  }
}

console.log(JSON.stringify(await probe(process.argv[2] as TfjsName)));
