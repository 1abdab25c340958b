import { extname } from 'node:path/posix';
import { counted } from '../../io/printable.ts';

/** Names of image files of formats that are not read. */
export const OTHER_IMAGE =
  /\.(hei[cf]s?|svgz?|ico|icns|j2k|jp2|jxl|psd|xcf|tga|dds|exr|hdr|dcm|dng|cr[23]|nef|arw|orf|rw2|raf|eps|pdf)$/i;

/** Folders that systems and storage devices make, with thumbnails, deleted files and the like. */
export const isSystemFolder = (name: string): boolean =>
  /^(__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|lost\+found)$/i.test(name);

/** Kaggle's tables to be filled in. */
export const SUBMISSION = /(sample|example)_?submission/i;

/** What to do with Arrow files, in which Hugging Face's `save_to_disk` puts data sets. */
export const ARROW =
  "Arrow files are not read; write each part as Parquet: dataset['train'].to_parquet('set/train.parquet')";

/**
 * One line each on files that are left out: images of formats that are not read, and others.
 * @param files paths
 */
export function notesOnOthers(files: Iterable<string>): string[] {
  const kinds = new Set<string>();
  const firsts: string[] = [];
  let [images, others] = [0, 0];
  for (const file of files) {
    if (OTHER_IMAGE.test(file)) {
      images++;
      kinds.add(extname(file).toLowerCase());
    } else if (++others <= 3) firsts.push(file);
  }
  const [some, more] = [firsts.join(', '), others > 3 ? ', …' : ''];
  return [
    ...(images > 0
      ? [
          `left out: ${images} of formats that are not read (${[...kinds].sort().join(', ')}); convert them to png or jpg`,
        ]
      : []),
    ...(others > 0 ? [`${counted(others, 'file that is no image', 'files that are no images')}: ${some}${more}`] : []),
  ];
}

/** A line on a file that may hold labels or splits in a form that is not read. */
export function notesOnLabels(files: Iterable<string>): string[] {
  for (const file of files) {
    if (/\.(mat|json|xml|h5|hdf5|pkl|pickle)$/i.test(file))
      return [
        `labels or splits in ${file} are not read; if they are needed, write metadata.csv beside the images, with columns file_name, label and split`,
      ];
  }
  return [];
}
