import { counted } from '../io/printable.ts';
import type { PathList } from './path-list.ts';
import { saysNothing, splitsNamed } from './split-names.ts';

/**
 * What published sets have beside their images, by the names of folders. `sure`: no class is called so. Others are told by their
 * files, which have the names of images, or by a folder `images` beside them.
 */
const LAYOUTS: readonly { readonly folder: RegExp; readonly sure?: boolean }[] = [
  // VOC; Oxford-IIIT Pet; Cityscapes; MVTec AD, ISIC; DRIVE, HRF; CamVid, CelebAMask-HQ
  { folder: /^(segmentation(class(aug)?|object)|trimaps?|gt(fine|coarse))$/i, sure: true },
  { folder: /^((.*[ _-])?ground[ _-]?truths?|\d(st|nd)[ _-]?manual|manual\d|.*(annot|mask-anno))$/i, sure: true },
  // Kvasir-SEG, Carvana, CARLA; ADE20K, COCO; HAM10000; KITTI, Mapillary
  { folder: /^(.*[ _-])?(masks?|labels?|annotations?|segmentations?([ _-].*)?|gt|seg)$/i },
  { folder: /^(semantic([ _-]rgb)?|instances?|panoptic|depth|disparity|normals|thumb(nail)?s?)$/i },
  { folder: /^((disp|flow)[ _-](occ|noc)([ _-]\d)?|obj[ _-]map)$/i },
  // DIV2K
  { folder: /^(.*[ _-])?LR([ _-].*)?$/ },
];

/** What the name of a mask or of another view has behind that of its image. */
export const ADDED =
  /[ _-](masks?([ _-]?\d+)?|parts_\d+|segmentation|seg|superpixels|labels?|gt|trimap|depth|\d(st|nd)HO)$/i;
/** The same where the folder is another one: CamVid, DIV2K. */
const ADDED_ELSEWHERE = /[ _-]L$|[ _-]?x[2348][a-z\d]*$/;

const IMAGES = /^(jpe?g)?[ _-]?(images?|imgs?)([ _-]?\d+)?$/i;
/** Whether a folder's name says that images are in it: `train`, `JPEGImages`, `HAM10000_images_part_1`, `DIV2K_train_HR`; '' for none. */
const saysImages = (folder: string): boolean =>
  folder === '' ||
  saysNothing(folder) ||
  splitsNamed(folder).length > 0 ||
  /ima?ge?|photo|original|input|rgb|(^|[ _-])HR$/i.test(folder);

/** Whether a folder may hold masks, copies or other views of images rather than images of a class. */
export const mayBeAuxiliary = (folder: string): boolean =>
  [folder, folder.replace(/(\p{Ll})(\p{Lu})/gu, '$1_$2')].some((name) =>
    LAYOUTS.some((layout) => layout.folder.test(name)),
  );

const stemOf = (path: string): string => path.replace(/\.[^./]*$/, '');
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** A file's name with that of its folder. */
const treeOf = (path: string): string => stemOf(path).split('/').slice(-2).join('/');

/** Where each folder of a path begins, from a position on, and what the next name in it is: '' for the file itself. */
function* namesIn(path: string, from = 0): Generator<{ readonly parent: string; readonly name: string }> {
  for (let start = from; start >= 0; ) {
    const end = path.indexOf('/', start);
    yield { parent: path.slice(0, start), name: end < 0 ? '' : path.slice(start, end) };
    start = end < 0 ? -1 : end + 1;
  }
}

/** Share of the files in a folder that must have the name of an image. */
const MOST = 0.9;

/**
 * Divides paths into images and what lies beside them: masks, annotations, depth, smaller copies, as `LAYOUTS` names their folders,
 * and files named after an image of their folder (`1_mask.png` beside `1.png`).
 * @param folders a path of each folder
 * @param known names that are classes in any case
 * @returns which are images, undefined where all are; and a note on the others
 */
export function withoutAuxiliary(
  paths: PathList,
  folders: PathList,
  known: readonly string[],
): { images: PathList; notes: string[] } | undefined {
  const root = rootOf(folders);
  const judged = new Map<string, boolean>(known.map((name) => [name, false]));
  const auxiliaryIn = (path: string): string | undefined => {
    for (const { parent, name } of namesIn(path, root.length)) {
      const isAuxiliary = judged.get(name) ?? mayBeAuxiliary(name);
      judged.set(name, isAuxiliary);
      if (isAuxiliary) return `${parent}${name}/`;
    }
    return undefined;
  };
  const found = foldersIn(paths, folders, auxiliaryIn);
  const keys = filesIn(paths);
  const isAuxiliary = (path: string): boolean => {
    const stem = stemOf(path);
    return (
      (keys.size > 0 && ADDED.test(stem) && keys.has(stem.replace(ADDED, ''))) || found.has(auxiliaryIn(path) ?? '')
    );
  };
  if (found.size === 0 && keys.size === 0) return undefined;
  const images = paths.filter((path) => !isAuxiliary(path));
  const first = paths.find((path) => isAuxiliary(path) && !found.has(auxiliaryIn(path) ?? ''));
  const where = [
    ...(found.size > 0 ? [`in ${[...found].slice(0, 3).join(', ')}${found.size > 3 ? ', …' : ''}`] : []),
    ...(first === undefined ? [] : [`beside the images, such as ${first}`]),
  ];
  const count = counted(paths.length - images.length, 'file');
  return {
    images,
    notes: [
      `left out, since they are masks or copies of images: ${count} ${where.join(' and ')}; to use them, pass their folder itself, or rename them`,
    ],
  };
}

/** Folders of masks and the like, with a slash at the end. */
function foldersIn(
  paths: PathList,
  folders: PathList,
  auxiliaryIn: (path: string) => string | undefined,
): ReadonlySet<string> {
  const candidates = new Set<string>();
  const beside = new Map<string, Set<string>>(); // folders of images, by the folder that they are in
  for (const path of folders) {
    const folder = auxiliaryIn(path);
    if (folder === undefined) continue;
    candidates.add(folder);
    beside.set(parentOf(folder), new Set());
  }
  if (candidates.size === 0) return candidates;
  for (const path of folders) {
    if (auxiliaryIn(path) !== undefined) continue;
    for (const { parent, name } of namesIn(path)) {
      const images = beside.get(parent);
      if (images && saysImages(name)) images.add(name);
    }
  }
  const found = new Set<string>();
  const open = new Map<string, { named: number; files: number }>();
  for (const folder of candidates) {
    const images = [...(beside.get(parentOf(folder)) ?? [])];
    const name = nameOf(folder.slice(0, -1));
    const sure = LAYOUTS.some((layout) => layout.sure && layout.folder.test(name)) && images.length > 0;
    if (sure || images.some((image) => IMAGES.test(image))) found.add(folder);
    else open.set(folder, { named: 0, files: 0 });
  }
  if (open.size === 0) return found;
  const stems = new Map(Array.from(open.keys(), (folder) => [parentOf(folder), new Set<string>()] as const));
  // Where no folder beside says that images are in it, those of the same name in a folder of the same name count (CUB).
  const isAlone = (folder: string) => beside.get(parentOf(folder))?.size === 0;
  const trees = [...open.keys()].some(isAlone) ? new Set<string>() : undefined;
  for (const path of paths) {
    if (auxiliaryIn(path) !== undefined) continue;
    trees?.add(treeOf(path));
    for (const { parent, name } of namesIn(path)) {
      if (beside.get(parent)?.has(name)) stems.get(parent)?.add(nameOf(stemOf(path)));
    }
  }
  for (const path of paths) {
    const folder = auxiliaryIn(path) ?? '';
    const counts = open.get(folder);
    if (!counts) continue;
    counts.files++;
    if (isAlone(folder)) {
      counts.named += Number(path.includes('/', folder.length) && trees?.has(treeOf(path)));
      continue;
    }
    const stem = nameOf(stemOf(path));
    const images = stems.get(parentOf(folder));
    counts.named += Number(
      [stem, ...[ADDED, ADDED_ELSEWHERE].map((end) => stem.replace(end, ''))].some((each) => images?.has(each)),
    );
  }
  for (const [folder, { named, files }] of open) if (named >= MOST * files) found.add(folder);
  return found;
}

/** The folder that all paths are in, with a slash at its end, or ''. @param folders a path of each folder */
export function rootOf(folders: Iterable<string>): string {
  let root: string | undefined;
  for (const path of folders) {
    const own = path.slice(0, path.lastIndexOf('/') + 1);
    root ??= own;
    while (!own.startsWith(root)) root = parentOf(root);
  }
  return root ?? '';
}

const parentOf = (folder: string): string => folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);

/** Paths, without what is behind their dot, of images that other files in their folder are named after. */
function filesIn(paths: PathList): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const path of paths) {
    const stem = stemOf(path);
    if (ADDED.test(stem)) wanted.add(stem.replace(ADDED, ''));
  }
  const found = new Set<string>();
  if (wanted.size === 0) return found;
  for (const path of paths) if (wanted.has(stemOf(path))) found.add(stemOf(path));
  return found;
}
