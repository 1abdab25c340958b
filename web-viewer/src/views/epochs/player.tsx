import { useEffect, useState } from 'preact/hooks';
import { Button, Range } from '../../ui/controls.tsx';

interface Props {
  readonly epochs: readonly number[];
  /** Index in `epochs` of the selected epoch. */
  readonly at: number;
  /** The epoch as announced by screen readers. */
  readonly valueText: string;
  readonly onMove: (place: number) => void;
  /** Resolves when an epoch can be shown. */
  readonly ready: (place: number) => Promise<unknown>;
}

/** How long each epoch is shown, in milliseconds. */
const INTERVAL = 450;

/** Selects an epoch: a slider over all epochs, and a button that plays them. */
export function Player({ epochs, at, valueText, onMove, ready }: Props) {
  const [playing, setPlaying] = useState(false);
  const last = epochs.length - 1;
  useEffect(() => {
    if (!playing) return undefined;
    if (at >= last) {
      setPlaying(false);
      return undefined;
    }
    let wanted = true;
    const pause = new Promise((resolve) => setTimeout(resolve, INTERVAL));
    Promise.all([pause, ready(at + 1).catch(() => undefined)]).then(
      () => {
        if (wanted) onMove(at + 1);
      },
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [playing, at, last, ready, onMove]);
  const toggle = () => {
    if (!playing && at >= last) onMove(0);
    setPlaying(!playing);
  };
  return (
    <div class="player">
      <Button class="button primary" disabled={last < 1} onClick={toggle}>
        {playing ? 'Pause' : 'Play'}
      </Button>
      <label class="player-slider">
        <span class="visually-hidden">Epoch</span>
        <Range
          min={0}
          max={last}
          step={1}
          value={at}
          aria-valuetext={valueText}
          onChoose={(place) => {
            setPlaying(false);
            onMove(place);
          }}
        />
      </label>
      <output class="player-epoch">
        Epoch <b>{epochs[at]}</b> <span class="quiet">of {epochs[last]}</span>
      </output>
    </div>
  );
}
