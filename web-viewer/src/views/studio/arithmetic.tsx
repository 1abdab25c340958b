import { useMemo } from 'preact/hooks';
import { mapSelection, type OpenModel, reading } from '../../state/store.ts';
import { Select } from '../../ui/controls.tsx';
import { counted } from '../../ui/format.ts';
import { latentsAlong, rowsOf, type Studio } from './create-studio.ts';
import { Pictures } from './pictures.tsx';

interface Props {
  readonly opened: OpenModel;
  readonly studio: Studio;
}

const STRENGTHS = [-1, -0.5, 0, 0.5, 1, 1.5, 2] as const;
const SHARES = Array.from({ length: 7 }, (_, i) => i / 6);
const strengthNames = STRENGTHS.map((strength) =>
  strength === 0 ? 'the input' : `${strength > 0 ? '+' : '−'}${Math.abs(strength)}`,
);
const shareNames = SHARES.map((share) => (share === 0 ? 'A' : share === 1 ? 'B' : `${Math.round(100 * share)} %`));

/** The mean of one group of images minus that of another, added to an image; and a walk between the two. */
export function Arithmetic({ opened, studio }: Props) {
  const [a, b] = [studio.fromMean.value, studio.toMean.value];
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
      </div>
      {(!a || !b) && <p class="say">Choose two groups of images.</p>}
      {along && (
        <>
          <h4>The input + strength × (B − A)</h4>
          <Pictures opened={opened} latents={along} names={strengthNames} inRow />
        </>
      )}
      {walk && (
        <>
          <h4>From the mean of A to the mean of B</h4>
          <Pictures opened={opened} latents={walk} names={shareNames} inRow />
        </>
      )}
    </>
  );
}

function GroupChoice({ name, end, opened, studio }: Props & { readonly name: string; readonly end: 'from' | 'to' }) {
  const group = studio[end].value;
  const names = opened.card.classes ?? opened.set?.about.classes ?? [];
  const selected = mapSelection.value?.length ?? 0;
  const ofClasses = studio.hasClasses.value ? names.map((text, i) => [`${i}`, `class ${text}`] as const) : [];
  const selection =
    selected === 0 ? 'the map’s selection: none yet' : `the map’s selection: ${counted(selected, 'image')}`;
  return (
    <label class="row">
      <b>{name}</b>
      <Select
        value={group?.kind === 'class' ? `${group.index}` : group ? 'taken' : ''}
        options={[
          ...(group ? [] : [['', 'choose…'] as const]),
          ...(group?.kind === 'rows' ? [['taken', `${counted(group.rows.length, 'selected image')}`] as const] : []),
          ['selection', selection],
          ...ofClasses,
        ]}
        onChoose={(value) => {
          if (value === 'selection') studio.takeSelection(end);
          else if (/^\d/.test(value)) studio.set(end, { kind: 'class', index: Number(value) });
        }}
      />
      <span class="quiet">{group && counted(rowsOf(group, opened).length, 'image')}</span>
    </label>
  );
}
