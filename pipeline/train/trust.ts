import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { InputError } from '../io/errors.ts';
import { isModelFile } from './find-model.ts';

/**
 * Refuses to run a model file that something other than the command line names, unless it is the user's own: in the current
 * project, as it is written and where its links lead, and not in the folder that it came with. Whoever wrote that folder can
 * name any file, and does not know where the project is.
 * @param spec the name or file of a model
 * @param by what names it, for the message
 * @param folder what came with it: the run folder, or the folder of the options unless they are the project's
 * @throws InputError
 */
export async function assertTrusted(spec: string, by: string, folder?: string): Promise<void> {
  if (!isModelFile(spec) || !existsSync(spec)) return; // what is missing is reported where it is loaded
  const paths = [resolve(spec), await realpath(spec)];
  const project = projectFolder();
  const brought =
    folder !== undefined && (!isAbsolute(spec) || (await bothPaths(folder)).some((one) => paths.some(isIn(one))));
  if (paths.every(isIn(project)) && !brought) return;
  const where = brought ? 'came with it' : `is outside the current project ${project}`;
  throw new InputError(
    `${by}: its model is the file ${spec}, which ${where}; a model file is a program: look at it, and add --trust to run it`,
  );
}

/** The folder of a file of options, where it may have come from elsewhere: it neither is nor contains the working folder. */
export const foreignFolder = (config: string): string | undefined =>
  isIn(dirname(resolve(config)))(process.cwd()) ? undefined : dirname(resolve(config));

const bothPaths = async (path: string) => [resolve(path), await realpath(path).catch(() => resolve(path))];

const isIn = (folder: string) => (path: string) => {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/** The nearest folder around the working folder that has a package.json or a repository, other than a home; else the working folder. */
function projectFolder(): string {
  const start = process.cwd();
  for (let folder = start; folder !== homedir() && dirname(folder) !== folder; folder = dirname(folder)) {
    if (['package.json', '.git'].some((name) => existsSync(join(folder, name)))) return folder;
  }
  return start;
}
