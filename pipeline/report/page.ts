import type { PictureNote, Report } from '../artifacts/report.ts';
import { nameOfSpec } from '../data/formats.ts';
import { type Document, pageOf, textOf } from './document.ts';
import { integer, sectionsOf } from './figures.ts';
import type { Picture } from './pictures.ts';

/** `report.html`: one self-contained file. */
export const reportPage = (report: Report, pictures: readonly Picture[]): string => {
  const document = documentOf(report, pictures);
  return pageOf({ ...document, summary: `${capital(document.summary)}; latent size ${report.model.latent}` });
};

/** `report.md`: the figures in tables, and the pictures. */
export const reportText = (report: Report): string => textOf(documentOf(report, report.pictures));

const documentOf = <P extends PictureNote>(report: Report, pictures: readonly P[]): Document<P> => ({
  title: `${report.model.name}: evaluation`,
  heading: report.model.name,
  summary: report.model.summary,
  tiles: tilesOf(report),
  sections: sectionsOf(report, pictures),
  notes: report.notes,
  about: aboutOf(report),
});

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The main figures: the first of `ERRORS` that the report has, and those of `MAIN`. */
const ERRORS = ['−ELBO', 'BCE per pixel', 'MSE per pixel'];
const MAIN = ['Samples recognised', 'Fréchet distance', '10-NN accuracy', 'Clustering accuracy'];

function tilesOf(report: Report): Document['tiles'] {
  const all = sectionsOf(report, []).flatMap(({ figures, comparison }) => {
    const [, nearest = ''] = comparison?.rows[0] ?? [];
    return comparison ? [...figures, { ...comparison, name: '10-NN accuracy', value: nearest }] : figures;
  });
  const named = (name: string) => all.filter((figure) => figure.name === name && figure.better !== 'neither');
  return [...ERRORS.flatMap(named).slice(0, 1), ...MAIN.flatMap(named)];
}

/** Model, data and settings, in plain text. */
function aboutOf({ model, data, seconds, settings, convae }: Report): string {
  const { height, width, channels } = data.image;
  const images = model.images === undefined ? '' : ` on ${integer(model.images)} images`;
  return `Trained for ${model.epochs} ${model.epochs === 1 ? 'epoch' : 'epochs'}${images} (seed ${model.seed}); evaluated on ${nameOfSpec(data.name)}, ${integer(data.train)} training and ${integer(data.test)} test images of ${width}×${height}×${channels}, with seed ${settings.seed} in ${integer(seconds.total)} s by convae ${convae}.`;
}
