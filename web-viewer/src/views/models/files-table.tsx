import type { OpenModel } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { Table } from '../../ui/table.tsx';
import { useDigests } from '../../ui/use-digests.ts';

/** The model's files for download, with their sizes and expected digests. */
export function FilesTable({ model }: { readonly model: OpenModel }) {
  const { card, manifest, source, fromVisitor } = model;
  const { encoder, decoder } = useDigests(model.files) ?? {};
  const loaded: Readonly<Record<string, string | null | undefined>> = {
    'encoder.onnx': encoder,
    'decoder.onnx': decoder,
  };
  const step = card.trainStep;
  const files = [
    ...Object.entries(card.files).map(([name, { bytes, sha256 }]) => ({ name, bytes, expected: sha256 })),
    ...(step && manifest.files[step.file] !== undefined
      ? [{ name: step.file, bytes: step.bytes, expected: null }]
      : []),
    { name: 'card.json', bytes: manifest.files['card.json'] ?? null, expected: null },
  ];
  return (
    <section class="stack">
      <h3>Files</h3>
      <p class="say">
        ONNX models run in most languages: <code>image</code> bytes in, <code>latent</code> out, and back.
        {encoder === null && ' Their SHA-256 cannot be checked on a page served over plain http.'}
      </p>
      <Table
        name="Files"
        class="files"
        rows={files}
        keyOf={({ name }) => name}
        columns={[
          {
            name: 'File',
            cell: ({ name }) => (
              <a href={source.url(name)} download={name}>
                {name}
              </a>
            ),
          },
          { name: 'Bytes', cell: ({ bytes }) => (bytes === null ? '–' : grouped(bytes)) },
          {
            name: 'SHA-256',
            look: 'words',
            cell: ({ name, expected }) => expected && <Digest expected={expected} found={loaded[name]} />,
          },
        ]}
      />
      {manifest.report !== null && (
        <p>
          <a
            href={source.url(manifest.report)}
            {...(fromVisitor ? { download: 'report.html' } : { target: '_blank', rel: 'noopener' })}
          >
            {fromVisitor ? 'Download the report' : 'Read the report'}
          </a>{' '}
          with the measures and pictures of <code>convae evaluate</code>.
        </p>
      )}
    </section>
  );
}

/** A digest of the card, and whether the loaded file has it. */
function Digest({ expected, found }: { readonly expected: string; readonly found: string | null | undefined }) {
  return (
    <>
      <code>{expected}</code> {found && found === expected && <span class="same">✓ matches</span>}
      {found && found !== expected && <span class="warn">✗ the loaded file differs</span>}
    </>
  );
}
