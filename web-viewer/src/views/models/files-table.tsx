import { useEffect, useState } from 'preact/hooks';
import { sha256 } from '../../site/digest.ts';
import type { OpenModel } from '../../state/store.ts';
import { grouped } from '../../ui/format.ts';
import { Wide } from './tables.tsx';

/** The model's files for download, with their sizes and expected digests. */
export function FilesTable({ model }: { readonly model: OpenModel }) {
  const { card, manifest, source, fromVisitor } = model;
  const digests = useDigests(model);
  const step = card.trainStep;
  const files = [
    ...Object.entries(card.files).map(([name, { bytes, sha256 }]) => ({ name, bytes, expected: sha256 })),
    ...(step && manifest.files[step.file] !== undefined
      ? [{ name: step.file, bytes: step.bytes, expected: null }]
      : []),
    { name: 'card.json', bytes: manifest.files['card.json'] ?? null, expected: null },
  ];
  return (
    <section>
      <h3>Files</h3>
      <p class="say">
        ONNX models run in most languages: <code>image</code> bytes in, <code>latent</code> out, and back.
        {digests === 'unavailable' && ' Their SHA-256 cannot be checked on a page served over plain http.'}
      </p>
      <Wide name="Files">
        <table class="numbers files">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Bytes</th>
              <th scope="col" class="words">
                SHA-256
              </th>
            </tr>
          </thead>
          <tbody>
            {files.map(({ name, bytes, expected }) => (
              <tr key={name}>
                <th scope="row">
                  <a href={source.url(name)} download={name}>
                    {name}
                  </a>
                </th>
                <td>{bytes === null ? '–' : grouped(bytes)}</td>
                <td class="words">
                  {expected && <code>{expected}</code>}{' '}
                  {expected && digests !== null && digests !== 'unavailable' && (
                    <Check same={digests[name] === expected} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
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

function Check({ same }: { readonly same: boolean }) {
  return same ? <span class="same">✓ matches</span> : <span class="other">✗ the loaded file differs</span>;
}

/** SHA-256 of the loaded files. */
function useDigests({ files }: OpenModel): Record<string, string> | 'unavailable' | null {
  const [digests, setDigests] = useState<Record<string, string> | 'unavailable' | null>(null);
  useEffect(() => {
    let wanted = true;
    setDigests(null);
    if (files.encoder.length === 0) return undefined; // still on their way
    void Promise.all([sha256(files.encoder), sha256(files.decoder)]).then(([encoder, decoder]) => {
      if (!wanted) return;
      const both = encoder !== null && decoder !== null && encoder !== undefined && decoder !== undefined;
      setDigests(both ? { 'encoder.onnx': encoder, 'decoder.onnx': decoder } : 'unavailable');
    });
    return () => {
      wanted = false;
    };
  }, [files]);
  return digests;
}
