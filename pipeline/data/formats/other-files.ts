import { extname } from 'node:path/posix';

/** Names of image files of formats that are not read. */
const OTHER_IMAGE =
  /\.(hei[cf]s?|svgz?|ico|icns|j2k|jp2|jxl|psd|xcf|tga|dds|exr|hdr|dcm|dng|cr[23]|nef|arw|orf|rw2|raf|eps|pdf)$/i;

/**
 * One line each on files that are left out: images of formats that are not read, and others.
 * @param files paths
 */
export function notesOnOthers(files: readonly string[]): string[] {
  const images = files.filter((file) => OTHER_IMAGE.test(file));
  const others = files.filter((file) => !OTHER_IMAGE.test(file)).sort();
  const kinds = [...new Set(images.map((file) => extname(file).toLowerCase()))].sort();
  const [some, more] = [others.slice(0, 3).join(', '), others.length > 3 ? ', …' : ''];
  return [
    ...(images.length > 0
      ? [`left out: ${images.length} of formats that are not read (${kinds.join(', ')}); convert them to png or jpg`]
      : []),
    ...(others.length > 0
      ? [
          `${others.length} ${others.length === 1 ? 'file that is no image' : 'files that are no images'}: ${some}${more}`,
        ]
      : []),
  ];
}
