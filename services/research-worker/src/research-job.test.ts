import { describe, expect, it } from '@jest/globals';
import type { FetchedSource } from './fetch-sources.js';
import { workResearchJob } from './research-job.js';

const text: FetchedSource = { raw: rawFile('a.txt', Buffer.from('The ledger holds every task.')), named: true };
const binary = rawFile('b.txt', Buffer.from('PK\0\0'));
const asked = { question: 'What does the ledger hold?', depth: 1, sentences: 1 };

describe('workResearchJob', () => {
  it('passes over a file of a folder that is no text, and says so', () => {
    const { documents, passedOver, result } = workResearchJob(
      { ...asked, sources: [{ raw: binary, named: false }, text] },
      () => {},
    );
    expect(documents).toBe(1);
    expect(passedOver).toEqual([
      { source: 'b.txt', code: 'invalid-input', reason: expect.stringContaining('b.txt is binary') },
    ]);
    expect(result.answer).toEqual([{ text: 'The ledger holds every task.', citation: { source: 'a.txt', line: 1 } }]);
  });

  it('fails on a named one, as what it is', () => {
    const job = { ...asked, sources: [text, { raw: binary, named: true }] };
    expect(() => workResearchJob(job, () => {})).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });
});

function rawFile(name: string, content: Buffer): FetchedSource['raw'] {
  return { kind: 'file', name, bytes: Uint8Array.from(content), format: 'plain' };
}
