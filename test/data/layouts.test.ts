import { describe, expect, test } from 'vitest';
import { PathList } from '../../pipeline/data/path-list.ts';
import { arrangePaths } from '../../pipeline/data/paths.ts';

/** Paths of each part, classes and notes. */
function arranged(paths: readonly string[], known?: readonly string[]) {
  const { parts, classes, notes } = arrangePaths(PathList.of(paths.toSorted()), 'x', known);
  const rows = Object.entries(parts).map(([name, part]) => [name, [...part.paths]]);
  return { parts: Object.fromEntries(rows), classes, notes };
}

/** Published sets: images by part, what lies beside them, and classes. */
const SETS: Readonly<
  Record<string, { parts: Record<string, readonly string[]>; beside: readonly string[]; classes?: readonly string[] }>
> = {
  DRIVE: {
    parts: { train: ['DRIVE/training/images/21_training.tif'], test: ['DRIVE/test/images/01_test.tif'] },
    beside: [
      'DRIVE/training/1st_manual/21_manual1.gif',
      'DRIVE/training/mask/21_training_mask.gif',
      'DRIVE/test/mask/01_test_mask.gif',
    ],
  },
  Cityscapes: {
    parts: {
      train: ['leftImg8bit/train/ulm/ulm_000000_000019_leftImg8bit.png'],
      val: ['leftImg8bit/val/bonn/bonn_000001_000019_leftImg8bit.png'],
    },
    beside: ['color', 'instanceIds', 'labelIds'].flatMap((kind) => [
      `gtFine/train/ulm/ulm_000000_000019_gtFine_${kind}.png`,
      `gtFine/val/bonn/bonn_000001_000019_gtFine_${kind}.png`,
    ]),
    classes: ['bonn', 'ulm'],
  },
  VOC: {
    parts: { all: ['VOC2012/JPEGImages/1.jpg', 'VOC2012/JPEGImages/2.jpg'] },
    beside: ['VOC2012/SegmentationClass/1.png', 'VOC2012/SegmentationObject/1.png'],
  },
  ADE20K: {
    parts: { train: ['ADE/images/training/1.jpg'], val: ['ADE/images/validation/2.jpg'] },
    beside: ['ADE/annotations/training/1.png', 'ADE/annotations/validation/2.png'],
  },
  'ADE20K, whole': { parts: { all: ['a/1.jpg', 'b/2.jpg'] }, beside: ['a/1_seg.png', 'a/1_parts_1.png'], classes: ['a', 'b'] }, // biome-ignore format: short
  CamVid: {
    parts: { train: ['train/0001TP_6690.png'], val: ['val/0016E5_1.png'], test: ['test/0001TP_8550.png'] },
    beside: ['trainannot/0001TP_6690.png', 'valannot/0016E5_1.png', 'testannot/0001TP_8550.png'],
  },
  "CamVid, Kaggle's": {
    parts: { train: ['train/0001TP_6690.png'], test: ['test/0001TP_8550.png'] },
    beside: ['train_labels/0001TP_6690_L.png', 'test_labels/0001TP_8550_L.png'],
  },
  'Kvasir-SEG': { parts: { all: ['images/a.jpg', 'images/b.jpg'] }, beside: ['masks/a.jpg', 'masks/b.jpg'] },
  COCO: {
    parts: { train: ['train2017/0009.jpg'], val: ['val2017/0139.jpg'] },
    beside: ['annotations/panoptic_train2017/0009.png', 'annotations/panoptic_val2017/0139.png'],
  },
  'ISIC 2017': {
    parts: { train: ['ISIC-2017_Training_Data/ISIC_0.jpg'], val: ['ISIC-2017_Validation_Data/ISIC_1.jpg'] },
    beside: [
      'ISIC-2017_Training_Data/ISIC_0_superpixels.png',
      'ISIC-2017_Training_Part1_GroundTruth/ISIC_0_segmentation.png',
      'ISIC-2017_Validation_Part1_GroundTruth/ISIC_1_segmentation.png',
    ],
  },
  HAM10000: {
    parts: { all: ['HAM10000_images_part_1/ISIC_1.jpg', 'HAM10000_images_part_2/ISIC_2.jpg'] },
    beside: ['HAM10000_segmentations_lesion_tschandl/ISIC_1_segmentation.png'],
  },
  BSDS: { parts: { train: ['BSDS500/images/train/1.jpg'], test: ['BSDS500/images/test/2.jpg'] }, beside: [] },
  'MVTec AD': {
    parts: { train: ['bottle/train/good/0.png'], test: ['bottle/test/crack/0.png', 'bottle/test/good/0.png'] },
    beside: ['bottle/ground_truth/crack/0_mask.png'],
    classes: ['crack', 'good'],
  },
  DIV2K: {
    parts: { train: ['DIV2K_train_HR/0001.png'], val: ['DIV2K_valid_HR/0801.png'] },
    beside: [
      'DIV2K_train_LR_bicubic/X2/0001x2.png',
      'DIV2K_train_LR_bicubic/X4/0001x4.png',
      'DIV2K_valid_LR_mild/0801x4m.png',
    ],
  },
  Carvana: { parts: { train: ['train/a_01.jpg'], test: ['test/b_01.jpg'] }, beside: ['train_masks/a_01_mask.gif'] },
  'CVC-ClinicDB': { parts: { all: ['Original/1.tif', 'Original/2.tif'] }, beside: ['Ground Truth/1.tif'] },
  'CelebAMask-HQ': { parts: { all: ['CelebA-HQ-img/0.jpg'] }, beside: ['CelebAMask-HQ-mask-anno/0/00000_skin.png'] },
  BUSI: {
    parts: { all: ['benign/benign (1).png', 'normal/normal (1).png'] },
    beside: ['benign/benign (1)_mask.png', 'benign/benign (1)_mask_1.png', 'normal/normal (1)_mask.png'],
    classes: ['benign', 'normal'],
  },
  'Data Science Bowl 2018': {
    parts: { all: ['stage1_train/a1/images/a1.png', 'stage1_train/b2/images/b2.png'] },
    beside: ['stage1_train/a1/masks/07a9.png', 'stage1_train/a1/masks/0e54.png', 'stage1_train/b2/masks/1b44.png'],
    classes: ['a1', 'b2'],
  },
  'Oxford-IIIT Pet': { parts: { all: ['images/1.jpg', 'images/2.jpg'] }, beside: ['annotations/trimaps/1.png'] },
  'masks in folders of classes': {
    parts: { all: ['Images/a/1.JPG', 'Images/b/1.JPG'] },
    beside: ['Masks/a/1.png'],
    classes: ['a', 'b'],
  },
  'a folder around all that is called so': {
    parts: { all: ['set_with_GT/images/1.png', 'set_with_GT/images/2.png'] },
    beside: ['set_with_GT/masks/1.png'],
  },
  'masks of one part': {
    parts: { train: ['train/images/1.png'], test: ['test/images/2.png'] },
    beside: ['test/masks/2_mask.png'],
  },
  'KITTI 2015': {
    parts: { train: ['training/image_2/0_10.png'], test: ['testing/image_2/0_10.png'] },
    beside: ['disp_noc_0', 'disp_occ_1', 'flow_occ', 'obj_map'].map((kind) => `training/${kind}/0_10.png`),
  },
  CARLA: { parts: { all: ['dataA/CameraRGB/1.png', 'dataA/CameraRGB/2.png'] }, beside: ['dataA/CameraSeg/1.png'] },
  'CUB, with its masks': {
    parts: { all: ['CUB_200_2011/images/001.A/A_1.jpg', 'CUB_200_2011/images/002.B/B_1.jpg'] },
    beside: ['segmentations/001.A/A_1.png', 'segmentations/002.B/B_1.png'],
    classes: ['001.A', '002.B'],
  },
  'thumbnails of a gallery': { parts: { all: ['1.jpg', '2.jpg'] }, beside: ['thumbs/1.jpg', 'thumbs/2.jpg'] },
};

describe('what lies beside the images of published sets is left out, which is told', () => {
  test.each(Object.entries(SETS))('%s', (_, { parts, beside, classes }) => {
    const found = arranged([...Object.values(parts).flat(), ...beside]);
    expect(found).toMatchObject({ parts, classes });
    const [note] = found.notes;
    if (beside.length === 0) return;
    expect(note).toContain(String(beside.length));
    expect(beside.some((path) => note?.includes(path.slice(0, path.indexOf('/', 1))))).toBe(true);
  });
});

test('classes that are called as masks are: no images, or others, are beside them', () => {
  for (const names of [
    ['with_mask', 'without_mask'],
    ['mask_weared_incorrect', 'with_mask', 'without_mask'],
    ['manual', 'automatic'],
    ['labels', 'photos'],
    ['depth', 'cat'],
    ['labels/a', 'logos/b'],
  ]) {
    const paths = names.map((name, i) => `${name}/${i}.png`);
    const classes = names.map((name) => name.replace(/\/.*/, '')).sort();
    expect(arranged(paths)).toMatchObject({ parts: { all: paths.toSorted() }, classes });
  }
  expect(arranged(['photos/1.png', 'masks/1.png', 'masks/2.png']).notes).toEqual([expect.stringMatching(/masks\//)]);
  expect(arranged(['1.png', '2.png', 'masks/7.png']).notes).toEqual([expect.stringMatching(/masks\//)]);
  expect(arranged(['a/1_mask.png', 'a/2.png', 'b/1.png']).parts.all).toHaveLength(3);
});

test('names that a model knows as classes stay classes', () => {
  const paths = ['images/1.png', 'masks/1.png'];
  expect(arranged(paths).parts.all).toEqual(['images/1.png']);
  expect(arranged(paths, ['images', 'masks']).parts.all).toEqual(paths);
});
