const MEASURES: Readonly<Record<string, readonly [name: string, meaning: string]>> = {
  loss: ['Loss', 'What training minimises: the sum of its terms. Lower is better.'],
  reconstruction: [
    'Reconstruction',
    'The term of the loss that measures how much reconstructions differ from their images. Lower is better.',
  ],
  kl: [
    'KL divergence',
    'The term of the loss that measures how far the latents’ distributions are from the prior, a standard normal distribution: how much latents hold about their images.',
  ],
  ssim: ['SSIM', 'Structural similarity of images and reconstructions: 1 where they are equal. Higher is better.'],
  colour: ['Colour', 'The squared error of colour alone, without brightness. Lower is better.'],
};

/** The name of a measure of a run, as people write it. */
export const measureName = (measure: string): string => MEASURES[measure]?.[0] ?? measure;

/** What a measure means. */
export const meaningOf = (measure: string): string => MEASURES[measure]?.[1] ?? 'A measure recorded by the run.';
