import { InputError } from '../../io/errors.ts';
import { inCOrder } from '../../io/fortran.ts';
import { checkSize, readNpyHeader } from '../../io/npy.ts';
import { printable } from '../../io/printable.ts';
import { closeOnError, inflateStart, memorySource, openFile, readUpTo, sliceOf } from '../../io/source.ts';
import { checkZipName, findZipMember, isZip, openZipMember, readZipMembers, type ZipMember } from '../../io/zip.ts';
import { plainOffset, START, type StoredArray, sampleOf } from './array-file.ts';

/** Whether a file is a zip archive, by its first bytes. */
export async function isNpz(path: string): Promise<boolean> {
  const file = await openFile(path);
  return readUpTo(file, 4)
    .then(isZip)
    .finally(() => file.close());
}

/** The members of an npz file, in its order. @throws InputError when it is not a zip archive, or one is not where it should be */
export async function membersOf(path: string): Promise<ZipMember[]> {
  const file = await openFile(path);
  try {
    const members = await readZipMembers(file);
    for (const member of members) await checkZipName(file, member);
    return members;
  } finally {
    await file.close();
  }
}

/** Name of a member's array; undefined where it is something else. */
export const arrayName = ({ name }: ZipMember): string | undefined => /^(.+)\.npy$/.exec(name)?.[1];

/** Names for a message. */
export const listed = (names: readonly string[]): string => printable(names.join(', ')) || 'nothing';

/** The array of an npz file with one. @throws InputError when there are none or several */
export async function arrayInNpz(path: string): Promise<StoredArray> {
  const members = (await membersOf(path)).filter(arrayName);
  const [member, other] = members;
  if (member && !other) return arrayInMember(path, member);
  throw new InputError(
    `${path}: it contains ${listed(members.map(({ name }) => name))}; a file with one array was expected`,
  );
}

/**
 * Finds out what a member of an npz file contains. Stored members are read in place, deflated ones from a temporary file.
 * @throws InputError when it is damaged, or no array of numbers or texts
 */
export async function arrayInMember(path: string, member: ZipMember): Promise<StoredArray> {
  const open = async () => {
    const file = await openFile(path);
    return closeOnError(file, async () => {
      const source = await openZipMember(file, member);
      return closeOnError(source, async () => inCOrder(checkSize(await readNpyHeader(source))));
    });
  };
  const file = await openFile(path);
  try {
    const position = await findZipMember(file, member);
    const stored = await readUpTo(file, Math.min(START, member.compressedSize), position);
    const compressed = member.method !== 0;
    const contents = compressed ? inflateStart(stored, 'deflate') : stored;
    if (compressed && contents.length === 0) await open().then(({ source }) => source.close()); // says what is wrong
    const name = `${path}:${member.name}`;
    const source = { ...memorySource(name, contents), size: member.size };
    const array = checkSize(await readNpyHeader(source));
    const { shape, type, fortran } = array;
    const at = plainOffset(array);
    return {
      name,
      path,
      shape,
      type,
      fortran,
      offset: compressed || at === undefined ? undefined : position + at,
      sample: await sampleOf(array, contents, compressed ? undefined : sliceOf(file, name, position, member.size)),
      open,
    };
  } finally {
    await file.close();
  }
}
