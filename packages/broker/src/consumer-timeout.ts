import type { Known } from '@warren/topology';

/** What the broker waits for an ack where nobody says otherwise, in milliseconds. */
export const defaultConsumerTimeoutMs = 30 * 60_000;

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The `consumer_timeout` that a node's configuration files set, in milliseconds; null: none is in force. The advanced
 * configuration goes before the others, and of those the last one in which it stands.
 */
export function consumerTimeoutIn(files: readonly ConfigFile[]): Known<number | null> {
  const isAdvanced = ({ path }: ConfigFile) => /\.config$/.test(path);
  const [said] = [
    ...files
      .filter(isAdvanced)
      .flatMap((file) => saidIn(file, /\{\s*consumer_timeout\s*,\s*([^\s}]+)\s*\}/g, /%.*$/gm)),
    ...files
      .filter((file) => !isAdvanced(file))
      .flatMap((file) => saidIn(file, /^\s*consumer_timeout\s*=\s*(\S+)\s*$/gm, /#.*$/gm))
      .reverse(),
  ];
  if (said === undefined) return { known: true, value: defaultConsumerTimeoutMs };
  if (/^\d+$/.test(said.value)) return { known: true, value: Number(said.value) };
  if (['undefined', 'infinity', 'false'].includes(said.value)) return { known: true, value: null };
  return { known: false, why: `${said.path} sets it to "${said.value}"` };
}

function saidIn({ path, text }: ConfigFile, setting: RegExp, comment: RegExp): { path: string; value: string }[] {
  return [...text.replace(comment, '').matchAll(setting)].map(([, value = '']) => ({ path, value }));
}
