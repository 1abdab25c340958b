import { useEffect, useMemo } from 'preact/hooks';
import { showLatent } from '../../state/explore.ts';
import { engine, mapSelection, type OpenModel, reading } from '../../state/store.ts';
import { share } from '../../state/url.ts';
import { Hint } from '../../ui/figure.tsx';
import { grouped } from '../../ui/format.ts';
import { type Group, latentsAlong, rowsOf, type Studio } from './create-studio.ts';
import { Pictures } from './pictures.tsx';

interface Props {
  readonly opened: OpenModel;
  readonly studio: Studio;
}

const STRENGTHS = [-1, -0.5, 0, 0.5, 1, 1.5, 2] as const;
const SHARES = Array.from({ length: 7 }, (_, i) => i / 6);

/** The mean of one group of images minus that of another, added to an image; and a walk between the two. */
export function Arithmetic({ opened, studio }: Props) {
  useEffect(() => share(...studio.parameters), [studio]);
  const { fromMean, toMean } = studio;
  const [a, b] = [fromMean.value, toMean.value];
  const latents = reading.value?.latents.latent;
  const latent = latents?.length === opened.card.latent.size ? latents : null;
  const along = useMemo(() => (latent && a && b ? latentsAlong(latent, a, b, STRENGTHS) : null), [latent, a, b]);
  const walk = useMemo(() => (a && b ? latentsAlong(a, a, b, SHARES) : null), [a, b]);
  if (!opened.points) return <p class="say">This model has no images to take the mean of.</p>;
  return (
    <>
      <div class="row group-choices">
        <GroupChoice name="A" end="from" opened={opened} studio={studio} />
        <GroupChoice name="B" end="to" opened={opened} studio={studio} />
        <Hint
          about="the difference of two groups"
          text="The mean latent of B minus the mean latent of A is a direction: what the images of B have and those of A do not. Added to the latent of any image, it changes that image in this respect. Select images with the lasso on the map, then choose “the map’s selection” here."
        />
      </div>
      {(!a || !b) && <p class="say">Choose two groups of images.</p>}
      {along && (
        <>
          <h4>The input + strength × (B − A)</h4>
          <Pictures
            opened={opened}
            engine={engine.value}
            latents={along}
            names={STRENGTHS.map((strength) =>
              strength === 0 ? 'the input' : `${strength > 0 ? '+' : '−'}${Math.abs(strength)}`,
            )}
            onSelect={(each) => showLatent(each, 'sliders')}
          />
        </>
      )}
      {walk && (
        <>
          <h4>From the mean of A to the mean of B</h4>
          <Pictures
            opened={opened}
            engine={engine.value}
            latents={walk}
            names={SHARES.map((share) => (share === 0 ? 'A' : share === 1 ? 'B' : `${Math.round(100 * share)} %`))}
            onSelect={(each) => showLatent(each, 'sliders')}
          />
        </>
      )}
    </>
  );
}

interface ChoiceProps extends Props {
  readonly name: string;
  readonly end: 'from' | 'to';
}

function GroupChoice({ name, end, opened, studio }: ChoiceProps) {
  const group: Group | null = studio[end].value;
  const names = opened.card.classes ?? opened.set?.about.classes ?? [];
  const selected = mapSelection.value?.length ?? 0;
  const taken = group?.kind === 'rows' ? group.rows.length : 0;
  return (
    <label class="row">
      <b>{name}</b>
      <select
        value={group?.kind === 'class' ? String(group.index) : taken > 0 ? 'taken' : ''}
        onChange={({ currentTarget: { value } }) => {
          if (value === 'selection') studio.takeSelection(end);
          else if (value !== 'taken') studio.set(end, value === '' ? null : { kind: 'class', index: Number(value) });
        }}
      >
        {!studio.hasClasses.value && <option value="">choose…</option>}
        {taken > 0 && <option value="taken">{grouped(taken)} selected images</option>}
        <option value="selection" disabled={selected === 0}>
          {selected === 0 ? 'the map’s selection: none yet' : `the map’s selection: ${grouped(selected)} images`}
        </option>
        {studio.hasClasses.value &&
          names.map((text, index) => (
            <option key={text} value={String(index)}>
              class {text}
            </option>
          ))}
      </select>
      <span class="quiet">{group ? `${grouped(rowsOf(group, opened).length)} images` : ''}</span>
    </label>
  );
}
