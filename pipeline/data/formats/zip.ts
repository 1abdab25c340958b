import { type ByteSource, openFile, readUpTo } from '../../io/source.ts';
import { checkZipName, isZip, readZipMember, readZipMembers } from '../../io/zip.ts';
import type { DataSource } from '../image-source.ts';
import {
  archiveSource,
  isImage,
  isLabelFile,
  isMetadataFile,
  keyOf,
  LABEL_SAMPLE,
  labelIn,
  tidyPath,
} from './archive.ts';
import { stampOf } from './stamp.ts';

/** Whether a file is a zip archive, other than an npz file, which holds arrays. */
export async function isImageZip(path: string): Promise<boolean> {
  const file = await openFile(path);
  try {
    if (!isZip(await readUpTo(file, 4))) return false;
    const members = await readZipMembers(file);
    const arrays = path.toLowerCase().endsWith('.npz') || members.some(({ name }) => name.endsWith('.npy'));
    return !arrays || members.some(({ name }) => isImage(name));
  } finally {
    await file.close();
  }
}

/**
 * Locates the images of a zip archive, see `archiveSource`. They are read by position; nothing is extracted to disk. Ids are
 * paths in the archive, within the folder of their part.
 * @throws InputError when it is damaged or contains no images
 */
export async function zipSource(path: string): Promise<DataSource> {
  const file = await openFile(path);
  try {
    const list = await readZipMembers(file);
    const members = new Map(list.map((member) => [tidyPath(member.name), member]));
    const paths = list.map(({ name }) => tidyPath(name));
    // Those of images are compared when they are read.
    for (const member of list) if (!isImage(tidyPath(member.name))) await checkZipName(file, member);
    const labels = new Map(paths.filter(isLabelFile).map((name) => [keyOf(name), name]));
    const read = async (archive: ByteSource, name: string) => {
      const member = members.get(name);
      if (!member) throw new RangeError(`${path}: there is no ${name}`);
      return readZipMember(archive, member);
    };
    const labelFiles = [];
    for (const name of [...labels.values()].slice(0, LABEL_SAMPLE)) {
      labelFiles.push({ path: name, bytes: await read(file, name) });
    }
    const tables = [];
    for (const name of paths.filter(isMetadataFile)) tables.push({ path: name, bytes: await read(file, name) });
    return await archiveSource(path, { paths, labelFiles, tables }, ({ paths: own, id, label }, beside) => {
      let opened: Promise<ByteSource> | undefined;
      return {
        stamp: () => stampOf([path]),
        async *entries() {
          opened ??= openFile(path);
          const archive = await opened;
          for (const name of own) {
            const labelFile = beside ? labels.get(keyOf(name)) : undefined;
            const said = labelFile === undefined ? undefined : labelIn(labelFile, await read(archive, labelFile));
            yield {
              id: id(name),
              label: beside ? said : label(name),
              where: `${path}:${name}`,
              read: async () => ({ bytes: await read(archive, name) }),
            };
          }
        },
        async close() {
          const closing = opened;
          opened = undefined;
          await (await closing)?.close();
        },
      };
    });
  } finally {
    await file.close();
  }
}
