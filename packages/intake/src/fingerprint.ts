import { hash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';

/** Tells content from other content: a task type and its input, as JSON with sorted keys. 43 characters. */
export function fingerprint(type: string, payload: string): string {
  return hash('sha256', `${type}\0${payload}`, 'base64url');
}

/**
 * Whether a task was submitted with this content. `json` is `payload` as `JSON.stringify` writes it: what Warren published
 * has its keys sorted already, so it is nearly always the text that was fingerprinted, and is tried first.
 */
export function isContentOf(
  task: { readonly fingerprint: string },
  type: string,
  payload: unknown,
  json: string,
): boolean {
  return (
    fingerprint(type, json) === task.fingerprint || fingerprint(type, stringify(payload) ?? 'null') === task.fingerprint
  );
}
