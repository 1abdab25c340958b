import { type ByteSource, openFile, readUpTo } from '../../io/source.ts';
import { checkZipName, isZip, readZipMember, readZipMembers } from '../../io/zip.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { addLabel, archiveSource, isImage, isLabelFile, isText, keyOf, labelFiles, tidyPath } from './archive.ts';
import { isTiff, pagesOfTiff } from './image-files.ts';
import { stampOf } from './stamp.ts';

/** Images whose files of labels decide whether there are labels in them. */
const LABEL_SAMPLE = 20;

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
export async function zipSource(path: string, options: DataOptions = {}): Promise<DataSource> {
  const file = await openFile(path);
  try {
    const list = await readZipMembers(file);
    const members = new Map(list.map((member) => [tidyPath(member.name), member]));
    const paths = list.map(({ name }) => tidyPath(name));
    // Those of images are compared when they are read.
    for (const member of list) if (!isImage(tidyPath(member.name))) await checkZipName(file, member);
    const besideOf = new Map<string, string[]>();
    for (const name of paths.filter(isLabelFile)) {
      besideOf.set(keyOf(name), [...(besideOf.get(keyOf(name)) ?? []), name]);
    }
    const read = async (archive: ByteSource, name: string) => {
      const member = members.get(name);
      if (!member) throw new RangeError(`${path}: there is no ${name}`);
      return readZipMember(archive, member);
    };
    const labelsOf = async (archive: ByteSource, keys: readonly string[]) => {
      const found = labelFiles();
      for (const name of keys.flatMap((key) => besideOf.get(key) ?? []))
        addLabel(found, name, await read(archive, name), options);
      return found;
    };
    const beside = await labelsOf(file, [...besideOf.keys()].slice(0, LABEL_SAMPLE));
    const texts = new Map<string, Buffer>();
    for (const name of paths.filter(isText)) texts.set(name, await read(file, name));
    return await archiveSource(path, { paths, beside, texts }, options, ({ paths: own, id, label }, isBeside) => {
      let opened: Promise<ByteSource> | undefined;
      return {
        files: [path],
        stamp: () => stampOf([path]),
        async *entries() {
          opened ??= openFile(path);
          const archive = await opened;
          for (const name of own) {
            const key = keyOf(name);
            const entry = {
              id: id(name),
              label: isBeside ? (await labelsOf(archive, [key])).labels.get(key) : label(name),
              where: `${path}:${name}`,
              read: async () => ({ bytes: await read(archive, name) }),
            };
            yield* isTiff(name) ? pagesOfTiff(entry) : [entry];
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
