/** A process that is killed while it publishes: `TARGET file|folder|moved` (a folder that was moved aside already). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishFile, publishFolder } from '../../pipeline/io/publish.ts';
import { stage } from '../../pipeline/io/staging.ts';

const [target = '', kind] = process.argv.slice(2);

const kill = async () => void process.kill(process.pid, 'SIGKILL');

async function main(): Promise<void> {
  if (kind === 'moved') {
    const staging = await stage(target);
    await staging.moveAside();
    return kill();
  }
  if (kind === 'file') return publishFile(target, (path) => writeFile(path, 'half').then(kill));
  return publishFolder(target, (folder) => writeFile(join(folder, 'a'), 'half').then(kill));
}

void main();
