import type { Page } from 'playwright-core';

/** Times of slider moves, one by one, in milliseconds. */
export interface SliderTimes {
  /** From the request to the worker to its answer. */
  readonly answered: readonly number[];
  /** From the input event to the pixels drawn. */
  readonly draw: readonly number[];
}

/** Moves sliders `count` times, each after the previous one has been drawn. */
export function moveSliders(page: Page, count: number): Promise<SliderTimes> {
  return page.evaluate(async (count) => {
    const sliders = [
      ...document.querySelectorAll<HTMLInputElement>(
        'section[aria-label="Latent and decoded image"] input[type=range]',
      ),
    ].slice(0, 10);
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const draw: number[] = [];
    window.watched.decodes.length = 0;
    for (let i = 0; i < count; i++) {
      const slider = sliders[i % sliders.length];
      if (!slider) throw new Error('there are no sliders');
      await frame();
      const [low, high] = [Number(slider.min), Number(slider.max)];
      const share = ((i * 37) % 101) / 101;
      const began = performance.now();
      slider.value = String(low + share * (high - low));
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      while (!(window.watched.drawn >= began)) await new Promise((resolve) => setTimeout(resolve, 0));
      draw.push(window.watched.drawn - began);
    }
    return { answered: window.watched.decodes, draw };
  }, count);
}
