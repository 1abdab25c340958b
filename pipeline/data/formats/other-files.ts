import { extname } from 'node:path/posix';
import { counted, quoted } from '../../io/printable.ts';

/** Names of image files of formats that are not read. */
export const OTHER_IMAGE =
  /\.(hei[cf]s?|svgz?|ico|icns|j2k|jp2|jxl|psd|xcf|tga|pcx|sgi|pam|pfm|dds|exr|hdr|dcm|dng|cr[23]|nef|arw|orf|rw2|raf|eps|pdf)$/i;

/** Folders that systems and storage devices make, with thumbnails, deleted files and the like. */
export const isSystemFolder = (name: string): boolean =>
  /^(__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|lost\+found)$/i.test(name);

/** Kaggle's tables to be filled in. */
export const SUBMISSION = /(sample|example)_?submission/i;

/** What to do with Arrow files, in which Hugging Face's `save_to_disk` puts data sets. */
export const ARROW =
  "Arrow files are not read; write each part as Parquet: dataset['train'].to_parquet('set/train.parquet')";

/** Files that hold images in forms that are not read, by their names, and what to do. */
const OTHER_FORMS: readonly (readonly [name: RegExp, remedy: (path: string) => string])[] = [
  [/\.arrow$/i, () => ARROW],
  [
    /\.(mp4|m4v|mov|avi|mkv|webm|wmv|mpe?g)$/i,
    (path) => `a video is not read; save its frames: ffmpeg -i ${quoted(path)} frames/%06d.png`,
  ],
  [
    /\.(dcm|dicom|nii|nii\.gz|nrrd|mha|mhd)$/i,
    () => 'medical images are not read; save each slice as PNG or TIFF, as with pydicom or nibabel',
  ],
  [
    /\.(czi|nd2|lif|oib|oif|vsi|svs|ndpi|mrxs|fits?)$/i,
    () => "microscopes' and telescopes' files are not read; save them as TIFF, as with Fiji",
  ],
  [
    /\.(tfrecords?|mdb|lmdb|rec|beton)$/i,
    () => "other programs' records are not read; write the images as files, Parquet or WebDataset",
  ],
  [/\.(xlsx?|ods)$/i, () => 'spreadsheets are not read; save the table as CSV'],
  [/\.(pt|pth)$/i, () => "PyTorch's files are not read; save tensors with numpy.savez('set.npz', images=…, labels=…)"],
  [
    /\.(mat|h5|hdf5)(\.gz)?$|\.(pkl|pickle|joblib)$/i,
    () => "arrays in such files are not read; save them with numpy.savez('set.npz', images=…, labels=…)",
  ],
];

/** What to do with files of forms that are not read; undefined where there are none, by their names. */
export function remedyFor(files: Iterable<string>): string | undefined {
  const paths = [...files];
  for (const [name, remedy] of OTHER_FORMS) {
    const path = paths.find((file) => name.test(file));
    if (path !== undefined) return remedy(path);
  }
  return undefined;
}

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
    if (/\.(mat|json|xml|h5|hdf5|pkl|pickle|xlsx?|ods)$/i.test(file))
      return [
        `labels or splits in ${file} are not read; if they are needed, write metadata.csv beside the images, with columns file_name, label and split`,
      ];
  }
  return [];
}
