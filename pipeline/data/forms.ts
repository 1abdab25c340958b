/** What `--data` takes, for help. It is here so that reading it loads no format. */
export const DATA_FORMS = [
  'mnist',
  'FOLDER of images (subfolders are classes; train/, val/ and test/ are splits)',
  'IMAGE or stack (png, jpg, webp, gif, tiff, avif, bmp, ppm, pgm, pbm)',
  'LIST.txt (a path a line, then a tab, comma or space and its label)',
  'LIST.csv, .tsv, .jsonl or .parquet with columns of image files, labels and splits',
  'FILE.zip, .tar or .tar.gz of images, or a FOLDER of tar files (WebDataset, or one for each class)',
  'FILE.parquet, or a FOLDER of them (Hugging Face)',
  'FILE.csv or .tsv of pixels, gzipped or not, or a FOLDER of them (Kaggle)',
  'FILE.npz',
  'IMAGES[,LABELS] (idx or npy files, gzipped or not)',
  'FOLDER of CLASS.npy (Quick Draw)',
  "FOLDER of idx files, under MNIST's usual names",
  'FOLDER or FILE.bin of CIFAR-10, CIFAR-100 or STL-10 (binary version)',
];
