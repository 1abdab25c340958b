import type { Card } from '../artifacts/card.ts';
import type { TrainingRecord } from '../artifacts/exported.ts';
import { animate } from '../pictures/animation.ts';
import { ZOOM } from '../pictures/chart.ts';
import { drawCurves } from '../pictures/curves.ts';
import { type Picture, still } from './picture.ts';

/** Losses and reconstructions by epoch. */
export async function trainingPictures(card: Card, record: TrainingRecord | undefined): Promise<readonly Picture[]> {
  if (!record) return [];
  const pictures: Picture[] = [];
  const inNats = card.model.error === 'binary cross-entropy';
  const { height, width, channels } = card.image;
  if (record.metrics.length > 0) {
    const drawing = await drawCurves({
      metrics: record.metrics,
      ...(inNats ? { factor: height * width * channels } : {}),
      names: { reconstruction: inNats ? 'reconstruction (BCE)' : 'reconstruction (MSE)', kl: 'KL divergence' },
      unit: inNats ? 'nats per image' : 'squared error per pixel',
    });
    const words = {
      title: 'Losses while training',
      caption: `Loss after each epoch, ${inNats ? 'in nats per image' : 'squared error per pixel'}; lower is better. Where the test curve rises while the training curve falls, the model learns by heart.`,
      alt: 'Line chart of training and test loss by epoch.',
    };
    pictures.push(still('losses', words, drawing, ZOOM));
  }
  const last = record.pictures.at(-1);
  if (!last) return pictures;
  const size = dimensionsOf(last.png);
  const alike = record.pictures.filter(({ png }) => dimensionsOf(png) === size);
  const {
    data,
    width: w,
    height: h,
  } = await animate(
    alike.map(({ epoch, png }) => ({ png, caption: `epoch ${epoch}` })),
    { format: 'webp' },
  );
  pictures.push({
    file: 'training.webp',
    title: 'Reconstructions while training',
    caption: 'Some test images and their reconstructions after each epoch. They should come to resemble the originals.',
    alt: `Animation of reconstructions over ${alike.length} epochs.`,
    width: w,
    height: h,
    density: 1,
    data,
    svg: undefined,
  });
  return pictures;
}

/** Width and height as a PNG's header says them. */
const dimensionsOf = (png: Uint8Array): string => Buffer.from(png.subarray(16, 24)).toString('hex');
