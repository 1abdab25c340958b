import type { Page } from 'playwright-core';

/** Times of what visitors do on the map, in milliseconds until its result has been drawn. */
export interface Explored {
  readonly search: number;
  readonly colour: number;
  /** Between frames while a lasso is drawn around most points, and from its end. */
  readonly lassoFrames: readonly number[];
  readonly lasso: number;
}

/** Searches for `text`, colours by error, and selects by lasso. */
export function exploreMap(page: Page, text: string): Promise<Explored> {
  return page.evaluate(async (text) => {
    const find = <E extends HTMLElement>(selector: string): E => {
      const found = document.querySelector<E>(selector);
      if (!found) throw new Error(`there is no ${selector}`);
      return found;
    };
    const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
    /** From an act until something holds and has been drawn. */
    const timed = async (act: () => void, holds: () => boolean) => {
      await frame();
      const began = performance.now();
      act();
      while (!holds()) await new Promise((resolve) => setTimeout(resolve));
      await frame();
      return (await frame()) - began;
    };
    const listed = (title: RegExp) => () => title.test(document.querySelector('.map-chosen h3')?.textContent ?? '');

    const search = await timed(() => {
      find<HTMLInputElement>('.map-tools [type=search]').value = text;
      find<HTMLFormElement>('.map-tools form').requestSubmit();
    }, listed(/ for /));
    find('.map-chosen .text-button').click();
    const colour = await timed(
      () => {
        const select = find<HTMLSelectElement>('.map-legend select');
        select.value = 'error';
        select.dispatchEvent(new Event('change', { bubbles: true }));
      },
      () => document.querySelector('.map-legend .colour-bar') !== null,
    );

    find('.map-tools input[value=lasso], .map-tools label:last-of-type input').click();
    const stage = find('.map-stage');
    const { left, top, width, height } = stage.getBoundingClientRect();
    const send = (type: string, share: number) =>
      stage.dispatchEvent(
        new PointerEvent(type, {
          clientX: left + width * (0.5 + 0.4 * Math.cos(2 * Math.PI * share)),
          clientY: top + height * (0.55 + 0.4 * Math.sin(2 * Math.PI * share)),
          pointerId: 1,
          pointerType: 'mouse',
          isPrimary: true,
          bubbles: true,
          buttons: 1,
        }),
      );
    const lassoFrames: number[] = [];
    send('pointerdown', 0);
    const moves = 90;
    let before = await frame();
    for (let i = 1; i <= moves; i++) {
      send('pointermove', i / moves);
      const now = await frame();
      lassoFrames.push(now - before);
      before = now;
    }
    const lasso = await timed(() => send('pointerup', 1), listed(/ selected/));
    return { search, colour, lassoFrames, lasso };
  }, text);
}
